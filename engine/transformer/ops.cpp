#include "engine/transformer/ops.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {

std::vector<std::int64_t> row_map::positions() const {
  std::vector<std::int64_t> all;
  for (const auto n : whole())
    for (std::int64_t t = 0; t < n; ++t) all.push_back(t);
  for (const auto& s : streams)
    for (std::int64_t t = 0; t < s.count; ++t) all.push_back(s.first + t);
  return all;
}

std::vector<std::int64_t> row_map::whole() const {
  if (!streams.empty()) return {};
  return lengths.empty() ? std::vector(static_cast<std::size_t>(sequences), length) : lengths;
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
  return path_of(x) == path::training ? training::linear(x, w) : at::mm(x, w.value.t());
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

/// y with the parts of each span's rows, for histories. Rows are cut once and put together once: a
/// row's gradient is summed up in the same order, whoever is beside it.
at::Tensor adapted(const at::Tensor& x, const at::Tensor& y, const matrix& w,
                   adapters_by_row adapters) {
  std::vector<std::int64_t> sizes;
  std::vector<const std::vector<low_rank>*> parts;
  std::int64_t done = 0;
  const auto add = [&](std::int64_t end, const std::vector<low_rank>* taken) {
    if (end > done) sizes.push_back(end - done), parts.push_back(taken);
    done = end;
  };
  for (const auto& span : adapters) {
    add(span.begin, nullptr);
    add(span.end, parts_of(span, w));
  }
  add(y.size(0), nullptr);
  const auto rows = x.split_with_sizes(sizes), own = y.split_with_sizes(sizes);
  std::vector<at::Tensor> pieces;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    pieces.push_back(parts[i] ? with_parts(rows[i], own[i], *parts[i]) : own[i]);
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces, 0);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const matrix& w, adapters_by_row adapters) {
  const auto way = path_of(x);
  if (way == path::exact) return exact::linear(x, w, adapters);
  if (way == path::streaming) {
    const auto y = streaming::linear(x, w);
    streaming::add_parts(x, y, parts_of(w, adapters));
    return y;
  }
  const auto y = product(x, w);
  const bool any = std::any_of(adapters.begin(), adapters.end(),
                               [&](const auto& span) { return parts_of(span, w) != nullptr; });
  if (!any) return y;
  if (c10::GradMode::is_enabled()) return adapted(x, y, w, adapters);
  for (const auto& span : adapters)
    if (const auto* parts = parts_of(span, w))
      add_parts(x.slice(0, span.begin, span.end), y.slice(0, span.begin, span.end), *parts);
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

at::Tensor activate(const at::Tensor& x, activation_kind kind) { return activate(x, kind, {}); }

at::Tensor activate(const at::Tensor& x, activation_kind kind, adapters_by_row blocks) {
  const auto way = path_of(x);
  if (way == path::streaming) return streaming::activate(x, kind);
  if (way == path::exact) return exact::activate(x, kind, blocks);
  if (way == path::training && kind == activation_kind::silu_gated) return training::swiglu(x);
  if (kind == activation_kind::relu_squared) return at::relu(x).square();
  const auto parts = x.chunk(2, -1);
  switch (kind) {
    case activation_kind::gelu_gated: return at::gelu(parts[0], "tanh") * parts[1];
    case activation_kind::clamped_gated: {
      const auto gate = parts[0].clamp_max(7), up = parts[1].clamp(-7, 7);
      return gate * at::sigmoid(gate * 1.702) * (up + 1);
    }
    case activation_kind::capped_gated:
      return at::tanh(parts[0] / 4) * 4 * at::sigmoid(parts[0]) * at::tanh(parts[1] / 25) * 25;
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
