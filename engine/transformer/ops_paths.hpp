// The paths behind ops.hpp; private to engine/transformer.
#pragma once

#include <functional>
#include <vector>

#include "engine/transformer/ops.hpp"

namespace hocket::engine::ops {

enum class path { training, streaming, exact, plain };
path path_of(const at::Tensor& x);

/// Which path this thread takes with gradients while it lives; `plain`: also without.
class use_path {
 public:
  explicit use_path(path p);
  ~use_path();
  use_path(const use_path&) = delete;
  use_path& operator=(const use_path&) = delete;

 private:
  path before_;
};

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

namespace exact {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor silu(const at::Tensor& x);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon);
at::Tensor activate(const at::Tensor& x, activation_kind kind);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
/// `value` without a history, with the gradients that `formula` of the inputs would have.
at::Tensor recorded(const at::Tensor& value, const std::vector<at::Tensor>& inputs,
                    std::function<at::Tensor(const std::vector<at::Tensor>&)> formula);
}  // namespace exact

namespace plain {
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace plain

}  // namespace hocket::engine::ops
