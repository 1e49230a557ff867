// The paths behind ops.hpp; private to engine/transformer.
#pragma once

#include "engine/transformer/ops.hpp"

namespace hocket::engine::ops {

enum class path { training, streaming, plain };
path path_of(const at::Tensor& x);

namespace training {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor swiglu(const at::Tensor& x);
at::Tensor add(const at::Tensor& x, const at::Tensor& y);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace training

namespace streaming {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor silu(const at::Tensor& x);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon);
at::Tensor activate(const at::Tensor& x, activation_kind kind);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace streaming

namespace plain {
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace plain

}  // namespace hocket::engine::ops
