#include "engine/model/ops.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/model/kernels.hpp"
#include "engine/model/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {
namespace {

bool own_kernels(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

}  // namespace

path path_of(const at::Tensor& x) {
  if (!own_kernels(x)) return path::plain;
  return c10::GradMode::is_enabled() ? path::training : path::streaming;
}

at::Tensor linear(const at::Tensor& x, const matrix& w) {
  switch (path_of(x)) {
    case path::training: return training::linear(x, w);
    case path::streaming: return streaming::linear(x, w);
    case path::plain: break;
  }
  return at::mm(x, w.value.t());
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  switch (path_of(x)) {
    case path::training: return training::rms_norm(x, gain, epsilon);
    case path::streaming: return streaming::rms_norm(x, gain, epsilon);
    case path::plain: break;
  }
  auto y = x * (x.square().mean(-1, true) + epsilon).rsqrt();
  return gain.defined() ? y * gain : y;
}

at::Tensor swiglu(const at::Tensor& x) {
  switch (path_of(x)) {
    case path::training: return training::swiglu(x);
    case path::streaming: return streaming::swiglu(x);
    case path::plain: break;
  }
  const auto parts = x.chunk(2, -1);
  return at::silu(parts[0]) * parts[1];
}

at::Tensor silu(const at::Tensor& x) {
  return path_of(x) == path::streaming ? streaming::silu(x) : at::silu(x);
}

at::Tensor add(const at::Tensor& x, const at::Tensor& y) {
  return path_of(x) == path::training ? training::add(x, y) : x + y;
}

at::Tensor bag(const at::Tensor& index, const at::Tensor& table) {
  switch (path_of(table)) {
    case path::training: return training::bag(index, table);
    case path::streaming: return streaming::bag(index, table);
    case path::plain: break;
  }
  return at::embedding(table, index.to(at::kLong)).sum(1);
}

at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows) {
  switch (path_of(qkv)) {
    case path::training: return training::attend(qkv, vectors, config, layer, rows);
    case path::streaming: return streaming::attend(qkv, vectors, config, layer, rows);
    case path::plain: break;
  }
  return plain::attend(qkv, vectors, config, layer, rows);
}

void refresh_half(matrix& w) { w.half = w.value.detach().to(at::kBFloat16); }

}  // namespace hocket::engine::ops
