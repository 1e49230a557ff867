#include <ATen/ATen.h>
#include "engine/model/ops_paths.hpp"
namespace hocket::engine::ops {
void pack(matrix& w) { w.packed = w.value.detach().t().contiguous(); }
namespace streaming {
at::Tensor linear(const at::Tensor& x, const matrix& w) { return at::mm(x, w.value.t()); }
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  auto y = x * (x.square().mean(-1, true) + epsilon).rsqrt();
  return gain.defined() ? y * gain : y;
}
at::Tensor swiglu(const at::Tensor& x) {  const auto parts = x.chunk(2, -1);
  return at::silu(parts[0]) * parts[1];}
at::Tensor silu(const at::Tensor& x) { return at::silu(x); }
at::Tensor bag(const at::Tensor& index, const at::Tensor& table) {  return at::embedding(table, index.to(at::kLong)).sum(1);}
at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors, const model_config& config,
                  int layer, const row_map& rows) { return plain::attend(qkv,vectors,config,layer,rows);}
}
}
