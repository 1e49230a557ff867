#include "engine/transformer/ops.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {

std::vector<std::int64_t> row_map::positions() const {
  std::vector<std::int64_t> all;
  for (std::int64_t b = 0; streams.empty() && b < sequences; ++b)
    for (std::int64_t t = 0; t < length; ++t) all.push_back(t);
  for (const auto& s : streams)
    for (std::int64_t t = 0; t < s.count; ++t) all.push_back(s.first + t);
  return all;
}

namespace ops {
namespace {

bool own_kernels(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

}  // namespace

thread_local path gradient_path = path::training;

path path_of(const at::Tensor& x) {
  if (!own_kernels(x) || gradient_path == path::plain) return path::plain;
  return c10::GradMode::is_enabled() ? gradient_path : path::streaming;
}

use_path::use_path(path p) : before_(gradient_path) { gradient_path = p; }
use_path::~use_path() { gradient_path = before_; }
exact_gradients::exact_gradients() : before_(static_cast<int>(gradient_path)) {
  gradient_path = path::exact;
}
exact_gradients::~exact_gradients() { gradient_path = static_cast<path>(before_); }

namespace {

at::Tensor product(const at::Tensor& x, const matrix& w) {
  switch (path_of(x)) {
    case path::training: return training::linear(x, w);
    case path::exact: return exact::linear(x, w);
    case path::streaming: return streaming::linear(x, w);
    case path::plain: break;
  }
  return at::mm(x, w.value.t());
}

at::Tensor delta_of(const at::Tensor& rows, const low_rank& part) {
  return product(product(rows, part.down), part.up) * part.scale;
}

/// Adds the parts of rows [m, in] to y [m, out] of the same rows, in place.
void add_parts(const at::Tensor& rows, const at::Tensor& y, const std::vector<low_rank>& parts) {
  for (const auto& part : parts) {
    const auto delta = delta_of(rows, part);
    y.slice(1, part.first, part.first + delta.size(1)).add_(delta);
  }
}

/// The same as a new tensor, for histories.
at::Tensor with_parts(const at::Tensor& rows, const at::Tensor& y,
                      const std::vector<low_rank>& parts) {
  std::vector<at::Tensor> columns;
  std::int64_t done = 0;
  for (const auto& part : parts) {
    if (part.first > done) columns.push_back(y.slice(1, done, part.first));
    const auto delta = delta_of(rows, part);
    done = part.first + delta.size(1);
    columns.push_back(y.slice(1, part.first, done) + delta);
  }
  if (done < y.size(1)) columns.push_back(y.slice(1, done));
  return columns.size() == 1 ? columns[0] : at::cat(columns, 1);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const matrix& w, adapters_by_row adapters) {
  auto y = product(x, w);
  for (const auto& span : adapters) {
    const auto found = span.taken->parts.find(w.id);
    if (found == span.taken->parts.end() || span.begin == span.end) continue;
    const auto rows = x.slice(0, span.begin, span.end), own = y.slice(0, span.begin, span.end);
    if (!c10::GradMode::is_enabled()) {
      add_parts(rows, own, found->second);
      continue;
    }
    const auto changed = with_parts(rows, own, found->second);
    y = changed.size(0) == y.size(0) ? changed
                                     : at::slice_scatter(y, changed, 0, span.begin, span.end);
  }
  return y;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  switch (path_of(x)) {
    case path::training: return training::rms_norm(x.to(at::kFloat), gain, epsilon);
    case path::exact: return exact::rms_norm(x, gain, epsilon);
    case path::streaming: return streaming::rms_norm(x, gain, epsilon);
    case path::plain: break;
  }
  auto y = x * (x.square().mean(-1, true) + epsilon).rsqrt();
  return gain.defined() ? y * gain : y;
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon) {
  const auto way = path_of(x);
  if (way == path::streaming) return streaming::layer_norm(x, gain, shift, epsilon);
  if (way == path::exact) return exact::layer_norm(x, gain, shift, epsilon);
  return at::layer_norm(x, {x.size(-1)}, gain, shift, epsilon);
}

at::Tensor activate(const at::Tensor& x, activation_kind kind) {
  const auto way = path_of(x);
  if (way == path::streaming) return streaming::activate(x, kind);
  if (way == path::exact) return exact::activate(x, kind);
  if (way == path::training && kind == activation_kind::silu_gated) return training::swiglu(x);
  if (kind == activation_kind::relu_squared) return at::relu(x).square();
  const auto parts = x.chunk(2, -1);
  switch (kind) {
    case activation_kind::gelu_gated: return at::gelu(parts[0], "tanh") * parts[1];
    case activation_kind::clamped_gated: {
      const auto gate = parts[0].clamp_max(7), up = parts[1].clamp(-7, 7);
      return gate * at::sigmoid(gate * 1.702) * (up + 1);
    }
    default: return at::silu(parts[0]) * parts[1];
  }
}

at::Tensor silu(const at::Tensor& x) {
  const auto way = path_of(x);
  if (way == path::exact) return exact::silu(x);
  return way == path::streaming ? streaming::silu(x) : at::silu(x);
}

at::Tensor add(const at::Tensor& x, const at::Tensor& y) {
  return path_of(x) == path::training ? training::add(x, y) : x + y;
}

at::Tensor bag(const at::Tensor& index, const at::Tensor& table) {
  switch (path_of(table)) {
    case path::training: return training::bag(index, table);
    case path::streaming: return streaming::bag(index, table);
    case path::exact:
    case path::plain: break;
  }
  return at::embedding(table, index.to(at::kLong)).sum(1);
}

at::Tensor attend(const at::Tensor& qkv, const attention_call& call) {
  switch (path_of(qkv)) {
    case path::training: return training::attend(qkv, call);
    case path::exact: return exact::attend(qkv, call);
    case path::streaming: return streaming::attend(qkv, call);
    case path::plain: break;
  }
  return plain::attend(qkv, call);
}

rotation rotate(const rotary_config& rotary, const std::vector<std::int64_t>& positions,
                const at::Tensor& like) {
  const auto n = static_cast<std::int64_t>(positions.size());
  const auto pairs = static_cast<std::int64_t>(rotary.frequency.size());
  auto angle = at::empty({n, pairs}, at::kDouble);
  double* out = angle.data_ptr<double>();
  for (const auto position : positions)
    for (const double f : rotary.frequency)
      *out++ = static_cast<double>(rotary.positions.at(position)) * f;
  // One number at a time: a vectorised cosine may give other bits.
  auto cosine = at::empty({n, pairs}, at::kDouble), sine = at::empty({n, pairs}, at::kDouble);
  for (std::int64_t i = 0; i < n * pairs; ++i) {
    cosine.data_ptr<double>()[i] = std::cos(angle.data_ptr<double>()[i]);
    sine.data_ptr<double>()[i] = std::sin(angle.data_ptr<double>()[i]);
  }
  const auto type = like.scalar_type() == at::kBFloat16 ? at::kFloat : like.scalar_type();
  const auto options = at::TensorOptions().dtype(type).device(like.device());
  return {cosine.mul_(rotary.gain).to(options), sine.mul_(rotary.gain).to(options)};
}

void refresh_half(matrix& w) { w.half = w.value.detach().to(at::kBFloat16); }

}  // namespace ops
}  // namespace hocket::engine
