// Plain path of ops.hpp: attention with ATen, any device and precision, gradients by autograd.
#include <cmath>

#include <ATen/ATen.h>

#include "engine/model/ops_paths.hpp"
#include "engine/model/stream_memory.hpp"

namespace hocket::engine::ops {

std::pair<at::Tensor, at::Tensor> rotary_table(std::int64_t first, std::int64_t length,
                                               const model_config& config, at::ScalarType type) {
  const auto& attention = config.attention;
  const std::int64_t half = attention.head_dim / 2;
  const auto frequency = at::pow(
      attention.rotary_base, at::arange(half, at::kDouble) * (-1.0 / static_cast<double>(half)));
  auto position = at::empty({length}, at::kDouble);
  for (std::int64_t i = 0; i < length; ++i)
    position.data_ptr<double>()[i] = static_cast<double>(config.rotary_position(first + i));
  const auto angle = at::outer(position, frequency);
  return {angle.cos().to(type).contiguous(), angle.sin().to(type).contiguous()};
}

namespace plain {
namespace {

/// x [heads, n, d] normalised (gain [d]) and rotated for positions first, first + 1, ...
at::Tensor prepare(at::Tensor x, const at::Tensor& gain, const model_config& config,
                   std::int64_t first) {
  if (gain.defined()) x = rms_norm(x, gain, config.norm_epsilon);
  if (!config.attention.rotary) return x;
  auto [c, s] = rotary_table(first, x.size(1), config, x.scalar_type());
  c = c.to(x.device()), s = s.to(x.device());
  const auto half = x.chunk(2, -1);
  return at::cat({half[0] * c - half[1] * s, half[1] * c + half[0] * s}, -1);
}

/// q [heads, n, d] at positions from `first`; k, v [heads, m, d] at positions from `start`.
at::Tensor attend_to(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& bias, int window, std::int64_t first, std::int64_t start) {
  const auto at_q = at::arange(first, first + q.size(1), q.options().dtype(at::kLong)).unsqueeze(1);
  const auto at_k = at::arange(start, start + k.size(1), q.options().dtype(at::kLong)).unsqueeze(0);
  const auto distance = at_q - at_k;
  auto hidden = distance < 0;
  if (window > 0) hidden = hidden.logical_or(distance >= window);
  auto scores = at::matmul(q, k.transpose(1, 2)) / std::sqrt(static_cast<double>(q.size(2)));
  if (bias.defined()) {
    const auto inside = distance.ge(0).logical_and(distance < bias.size(1));
    const auto index = distance.clamp(0, bias.size(1) - 1);
    scores = scores + bias.index({at::indexing::Slice(), index}) * inside;
  }
  scores = scores.masked_fill(hidden, -INFINITY);
  return at::matmul(at::softmax(scores, -1), v);
}

}  // namespace

at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows) {
  const auto& a = config.attention;
  const int window = config.attention_window(layer), group = a.heads / a.kv_heads;
  std::vector<at::Tensor> outputs;
  auto one = [&](const at::Tensor& part, std::int64_t first, plain_cache* cache) {
    const std::int64_t n = part.size(0);
    const auto heads = part.view({n, a.heads + 2 * a.kv_heads, a.head_dim}).transpose(0, 1);
    const auto q = prepare(heads.slice(0, 0, a.heads), vectors.q_gain, config, first);
    auto k = prepare(heads.slice(0, a.heads, a.heads + a.kv_heads), vectors.k_gain, config, first);
    auto v = heads.slice(0, a.heads + a.kv_heads);
    std::int64_t start = first;
    if (cache) {
      start = cache->append(k, v, first);
      k = cache->k, v = cache->v;
    }
    const auto out = attend_to(q, k.repeat_interleave(group, 0), v.repeat_interleave(group, 0),
                               vectors.bias, window, first, start);
    if (cache) cache->trim(window);
    outputs.push_back(out.transpose(0, 1).reshape({n, a.heads * a.head_dim}));
  };
  if (rows.streams.empty()) {
    for (std::int64_t b = 0; b < rows.sequences; ++b)
      one(qkv.slice(0, b * rows.length, (b + 1) * rows.length), 0, nullptr);
  } else {
    std::int64_t row = 0;
    for (const auto& stream : rows.streams) {
      one(qkv.slice(0, row, row + stream.count), stream.first, &stream.memory->plain(layer));
      row += stream.count;
    }
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace plain
}  // namespace hocket::engine::ops
