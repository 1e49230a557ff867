// The paths behind ops.hpp; private to engine/model.
#pragma once

#include "engine/model/ops.hpp"

namespace hocket::engine::ops {

enum class path { training, streaming, plain };
path path_of(const at::Tensor& x);

namespace training {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor swiglu(const at::Tensor& x);
at::Tensor add(const at::Tensor& x, const at::Tensor& y);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows);
}  // namespace training

namespace streaming {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor swiglu(const at::Tensor& x);
at::Tensor silu(const at::Tensor& x);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows);
}  // namespace streaming

namespace plain {
at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows);
}  // namespace plain

/// cos and sin of position times frequency, [length, head_dim / 2] each, computed in double.
std::pair<at::Tensor, at::Tensor> rotary_table(std::int64_t first, std::int64_t length,
                                               const model_config& config, at::ScalarType type);

}  // namespace hocket::engine::ops
