// Attention of a stream over its ring of keys and values: fp32, products with keys and values summed in an
// order that is the same for every instruction set (fused where there is one for it; norms of heads are not).
// 16 keys at a time, so that sums of different keys go on beside each other.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/head_rows.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t lanes = 16;
typedef float vec __attribute__((vector_size(64)));

__attribute__((always_inline)) inline vec load(const float* from) {
  vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

/// What q and each of `count` keys give, at most 16 of them, `stride` apart: number i of a head goes into
/// sum i % 16, and those are summed in order.
__attribute__((always_inline)) inline void products(const float* q, const float* keys,
                                                    std::int64_t stride, std::int64_t count,
                                                    std::int64_t d, float* out) {
  alignas(64) float parts[lanes * lanes];
  const std::int64_t whole = d / lanes * lanes;
  for (std::int64_t j = 0; j < count; ++j) {
    const float* key = keys + j * stride;
    vec sum{};
    for (std::int64_t i = 0; i < whole; i += lanes) sum += load(q + i) * load(key + i);
    __builtin_memcpy(parts + j * lanes, &sum, sizeof sum);
    for (std::int64_t i = whole; i < d; ++i) parts[j * lanes + i - whole] += q[i] * key[i];
  }
  for (std::int64_t j = 0; j < count; ++j) out[j] = 0;
  for (std::int64_t i = 0; i < lanes; ++i)
    for (std::int64_t j = 0; j < count; ++j) out[j] += parts[j * lanes + i];
}

/// Adds Vectors * 16 numbers of `count` values, `stride` apart, each times its weight, to o.
template <int Vectors>
__attribute__((always_inline)) inline void mix(const float* values, std::int64_t stride,
                                               const float* weights, std::int64_t count, float* o) {
  vec sum[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) sum[v] = load(o + v * lanes);
  for (std::int64_t j = 0; j < count; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[v] += weights[j] * load(values + j * stride + v * lanes);
  __builtin_memcpy(o, sum, sizeof sum);
}

/// Adds `count` values, each times its weight, to o.
__attribute__((always_inline)) inline void mix_values(const float* values, std::int64_t stride,
                                                      const float* weights, std::int64_t count,
                                                      std::int64_t width, float* o) {
  std::int64_t i = 0;
  for (; i + 4 * lanes <= width; i += 4 * lanes) mix<4>(values + i, stride, weights, count, o + i);
  for (; i + lanes <= width; i += lanes) mix<1>(values + i, stride, weights, count, o + i);
  for (; i < width; ++i)
    for (std::int64_t j = 0; j < count; ++j) o[i] += weights[j] * values[j * stride + i];
}

/// Calls part(from, at, n) for the `count` places of a ring from `first` on, 16 at a time at most: n places
/// from `at` on hold the positions from `from` on, counted from 0. A block of them stays in the cache while
/// every head has its turn.
template <class Part>
__attribute__((always_inline)) inline void each_block(const ring_view& ring, std::int64_t first,
                                                      std::int64_t count, const Part& part) {
  std::int64_t at = first % ring.capacity;
  for (std::int64_t from = 0; from < count;) {
    const auto n = std::min({lanes, count - from, ring.capacity - at});
    part(from, at, n);
    from += n;
    at = at + n == ring.capacity ? 0 : at + n;
  }
}

/// Scores become weights; gives one over their sum. `mixed`: the learnt bias by distance, if any.
__attribute__((always_inline)) inline float weigh(const attention_shape& s, int head, float sink,
                                                  const float* mixed, std::int64_t biased,
                                                  float* scores, std::int64_t count) {
  if (s.bias) {
    const float* bias = s.bias + static_cast<std::int64_t>(head) * s.extent;
    for (std::int64_t i = 0, n = std::min<std::int64_t>(count, s.extent); i < n; ++i)
      scores[count - 1 - i] += bias[i];
  }
  for (std::int64_t i = 0; i < biased; ++i) scores[count - 1 - i] += mixed[i];
  if (s.softcap > 0)
    for (std::int64_t j = 0; j < count; ++j)
      scores[j] = s.softcap * std::tanh(scores[j] / s.softcap);
  float top = sink;
  for (std::int64_t j = 0; j < count; ++j) top = std::max(top, scores[j]);
  float sum = 0;
  for (std::int64_t j = 0; j < count; ++j) scores[j] = fast_exp(scores[j] - top);
  for (std::int64_t j = 0; j < count; ++j) sum += scores[j];
  if (s.sinks || s.row_sinks) sum += fast_exp(sink - top);
  return 1.0f / sum;
}

}  // namespace

HOCKET_CLONES void infer_attention(const attention_shape& s, const ring_view& ring,
                                   std::int64_t position, const float* qkv, float* out) {
  const std::int64_t d = s.head_dim, width = s.kv_heads * d;
  const std::int64_t vd = s.values(), value_width = s.kv_heads * vd;
  const int group = s.heads / s.kv_heads;
  const std::int64_t seen = s.window > 0 ? s.window : ring.capacity;
  const std::int64_t first = std::max<std::int64_t>(0, position - seen + 1);
  const std::int64_t count = position - first + 1;
  const std::int64_t slot = position % ring.capacity;
  for (int h = 0; h < s.kv_heads; ++h) {
    prepare(s, qkv + (s.heads + h) * d, s.k_gain, 1.0f, ring.k + slot * width + h * d);
    std::memcpy(ring.v + slot * value_width + h * vd, qkv + (s.heads + s.kv_heads) * d + h * vd,
                vd * sizeof(float));
  }
  const std::int64_t biased = s.bank ? std::min<std::int64_t>(count, s.extent) : 0;
  thread_local scratch<float> work;
  float* const scores = work.get(s.heads * (count + d + 1) + biased);
  float* const q = scores + s.heads * count;
  float* const inverse = q + s.heads * d;
  float* const mixed = inverse + s.heads;
  const float growth = length_scale(s, position);
  const float scale = (s.scale != 0 ? s.scale : 1.0f / std::sqrt(static_cast<float>(d))) * growth;
  for (int h = 0; h < s.heads; ++h) prepare(s, qkv + h * d, s.q_gain, scale, q + h * d);
  each_block(ring, first, count, [&](std::int64_t from, std::int64_t at, std::int64_t n) {
    for (int h = 0; h < s.heads; ++h) {
      const float* keys = ring.k + at * width + h / group * d;
      float* const to = scores + h * count + from;
      if (n == lanes)
        products(q + h * d, keys, width, lanes, d, to);
      else
        products(q + h * d, keys, width, n, d, to);
    }
  });
  for (int h = 0; h < s.heads; ++h) {
    const float sink = s.sinks || s.row_sinks ? sink_of(s, qkv, h) : -INFINITY;
    if (s.bank) mix_profiles(s, qkv, h, growth, biased, mixed);
    inverse[h] = weigh(s, h, sink, mixed, biased, scores + h * count, count);
  }
  std::memset(out, 0, static_cast<std::size_t>(s.heads * vd) * sizeof(float));
  each_block(ring, first, count, [&](std::int64_t from, std::int64_t at, std::int64_t n) {
    for (int h = 0; h < s.heads; ++h)
      mix_values(ring.v + at * value_width + h / group * vd, value_width, scores + h * count + from,
                 n, vd, out + h * vd);
  });
  for (int h = 0; h < s.heads; ++h)
    for (std::int64_t i = 0; i < vd; ++i) out[h * vd + i] *= inverse[h];
}

}  // namespace hocket::engine::kernels
