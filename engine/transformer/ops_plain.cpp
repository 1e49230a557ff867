// Plain path of ops.hpp: attention with ATen, any device and precision, gradients by autograd.
#include <cmath>

#include <ATen/ATen.h>

#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/ops_paths.hpp"

namespace hocket::engine::ops::plain {
namespace {

/// x [heads, n, d] normalised (gain [d]) and rotated (turn [n, pairs]).
at::Tensor prepare(at::Tensor x, const at::Tensor& gain, const rotary_config* rotary,
                   const rotation& turn, double epsilon) {
  if (gain.defined()) x = rms_norm(x, gain, epsilon);
  if (!rotary) return x;
  const std::int64_t pairs = static_cast<std::int64_t>(rotary->frequency.size());
  const std::int64_t first = rotary->first;
  const auto turned = x.slice(2, first, first + 2 * pairs);
  const auto step = rotary->adjacent ? 2 : 1;
  const auto a = rotary->adjacent ? turned.slice(2, 0, 2 * pairs, step) : turned.slice(2, 0, pairs);
  const auto b = rotary->adjacent ? turned.slice(2, 1, 2 * pairs, step) : turned.slice(2, pairs);
  const auto &c = turn.cosine, &s = turn.sine;
  const std::vector<at::Tensor> both{a * c - b * s, b * c + a * s};
  const auto result = rotary->adjacent ? at::stack(both, 3).flatten(2) : at::cat(both, 2);
  return at::cat({x.slice(2, 0, first), result, x.slice(2, first + 2 * pairs)}, 2);
}

/// What each row adds to its scores by distance, [heads, n, m], from its mix of profiles.
at::Tensor mixed_bias(const at::Tensor& rows, const attention_call& call,
                      const at::Tensor& distance) {
  const auto& a = call.config;
  const std::int64_t n = rows.size(0), extent = call.vectors.bank.size(1);
  const std::int64_t begin = std::int64_t{a.heads} * a.head_dim + a.key_width() + a.value_width();
  const auto mixes = rows.slice(1, begin, begin + std::int64_t{a.heads} * a.relative_rank)
                         .reshape({n, a.heads, a.relative_rank});
  const auto bias = at::matmul(mixes, call.vectors.bank.to(mixes.scalar_type())).transpose(0, 1);
  const auto inside = distance.ge(0).logical_and(distance < extent);
  const auto index = distance.clamp(0, extent - 1).unsqueeze(0).expand({a.heads, -1, -1});
  return bias.gather(2, index) * inside;
}

/// 1 or more per row, [n, 1]: how much its scores grow.
at::Tensor length_scales(const attention_call& call, std::int64_t first, const at::Tensor& like) {
  std::vector<double> scales;
  for (std::int64_t i = 0; i < like.size(1); ++i)
    scales.push_back(call.config.lengths.of(first + i));
  return at::tensor(scales, at::kDouble).to(like.options()).unsqueeze(1);
}

/// q [heads, n, d] at positions from `first`; k, v [heads, m, d] at positions from `start`.
at::Tensor attend_to(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& rows, const attention_call& call, std::int64_t window,
                     std::int64_t first, std::int64_t start) {
  const auto &bias = call.vectors.bias, &sinks = call.vectors.sinks;
  const auto& a = call.config;
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.head_dim));
  const auto at_q = at::arange(first, first + q.size(1), q.options().dtype(at::kLong)).unsqueeze(1);
  const auto at_k = at::arange(start, start + k.size(1), q.options().dtype(at::kLong)).unsqueeze(0);
  const auto distance = at_q - at_k;
  auto hidden = distance < 0;
  if (window > 0) hidden = hidden.logical_or(distance >= window);
  auto scores = at::matmul(q, k.transpose(1, 2)) * scale;
  if (bias.defined()) {
    const auto inside = distance.ge(0).logical_and(distance < bias.size(1));
    const auto index = distance.clamp(0, bias.size(1) - 1);
    scores = scores + bias.index({at::indexing::Slice(), index}) * inside;
  }
  if (call.vectors.bank.defined()) scores = scores + mixed_bias(rows, call, distance);
  if (a.lengths.from > 0) scores = scores * length_scales(call, first, q);
  if (a.softcap > 0) scores = at::tanh(scores / a.softcap) * a.softcap;
  scores = scores.masked_fill(hidden, -INFINITY);
  if (sinks.defined())
    scores = at::cat({scores, sinks.view({-1, 1, 1}).expand({-1, q.size(1), 1})}, 2);
  if (a.row_sinks)
    scores = at::cat({scores, rows.slice(1, rows.size(1) - a.heads).t().unsqueeze(2)}, 2);
  return at::matmul(at::softmax(scores, -1).slice(2, 0, k.size(1)), v);
}

}  // namespace

at::Tensor attend(const at::Tensor& qkv, const attention_call& call) {
  const auto& a = call.config;
  const auto& rows = call.rows;
  const int group = a.heads / a.kv_heads;
  std::vector<at::Tensor> outputs;
  auto one = [&](std::int64_t row, std::int64_t n, std::int64_t first, kv_cache* memory) {
    rotation turn;
    if (call.turn)
      turn = {call.turn->cosine.slice(0, row, row + n), call.turn->sine.slice(0, row, row + n)};
    const auto part = qkv.slice(0, row, row + n);
    const auto heads_of = [&](std::int64_t from, std::int64_t heads, std::int64_t dim) {
      return part.slice(1, from, from + heads * dim).reshape({n, heads, dim}).transpose(0, 1);
    };
    const std::int64_t queries = std::int64_t{a.heads} * a.head_dim;
    const auto q = prepare(heads_of(0, a.heads, a.head_dim), call.vectors.q_gain, call.rotary, turn,
                           call.epsilon);
    auto k = prepare(heads_of(queries, a.kv_heads, a.head_dim), call.vectors.k_gain, call.rotary,
                     turn, call.epsilon);
    auto v = heads_of(queries + a.key_width(), a.kv_heads, a.values());
    std::int64_t start = first, window = a.window;
    if (memory) {
      auto& cache = memory->plain(call.layer);
      if (window == 0) window = memory->context();
      start = cache.append(k, v, first);
      k = cache.k, v = cache.v;
    }
    const auto out = attend_to(q, k.repeat_interleave(group, 0), v.repeat_interleave(group, 0),
                               part, call, window, first, start);
    if (memory) memory->plain(call.layer).trim(window);
    outputs.push_back(out.transpose(0, 1).reshape({n, a.out_width()}));
  };
  std::int64_t row = 0;
  for (const auto n : rows.whole()) {
    one(row, n, 0, nullptr);
    row += n;
  }
  for (const auto& stream : rows.streams) {
    one(row, stream.count, stream.first, stream.memory);
    row += stream.count;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace hocket::engine::ops::plain
