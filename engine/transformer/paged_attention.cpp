#include "engine/transformer/paged_attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/head_rows.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t lanes = page_shape::positions;
typedef float vec __attribute__((vector_size(64)));

__attribute__((always_inline)) inline vec load(const float* from) {
  vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
__attribute__((always_inline)) inline void store(float* to, vec v) {
  __builtin_memcpy(to, &v, sizeof v);
}

/// Up to four queries at once: they share what is read of keys and values.
struct query_group {
  int count = 0;
  const float* q[4] = {};         ///< [head_dim], scaled
  float* scores[4] = {};          ///< [pages * 16], from page `first_page` on
  float* out[4] = {};             ///< [value_dim]
  std::int64_t position[4] = {};  ///< of the query
  std::int64_t seen_from[4] = {};
  int head[4] = {};
  const float* row[4] = {};  ///< where the query's row begins
  std::int64_t first_page = 0, pages = 0;
};

/// Scores of Pages * 16 positions: every sum runs over the head's numbers in order.
template <int Queries, int Pages>
__attribute__((always_inline)) inline void score_pages(const query_group& g,
                                                       const float* const (&keys)[2],
                                                       std::int64_t d, std::int64_t at) {
  vec sum[Queries][Pages];
#pragma GCC unroll 4
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 2
    for (int p = 0; p < Pages; ++p) sum[q][p] = vec{};
  for (std::int64_t i = 0; i < d; ++i)
#pragma GCC unroll 2
    for (int p = 0; p < Pages; ++p) {
      const vec key = load(keys[p] + i * lanes);
#pragma GCC unroll 4
      for (int q = 0; q < Queries; ++q) sum[q][p] += g.q[q][i] * key;
    }
#pragma GCC unroll 4
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 2
    for (int p = 0; p < Pages; ++p) store(g.scores[q] + (at + p) * lanes, sum[q][p]);
}

template <int Queries>
__attribute__((always_inline)) inline void score(const query_group& g, const paged_layer& layer,
                                                 std::int64_t key_offset, std::int64_t d) {
  std::int64_t at = 0;
  for (; at + 2 <= g.pages; at += 2)
    score_pages<Queries, 2>(g,
                            {layer.page(g.first_page + at) + key_offset,
                             layer.page(g.first_page + at + 1) + key_offset},
                            d, at);
  if (at < g.pages)
    score_pages<Queries, 1>(g, {layer.page(g.first_page + at) + key_offset, nullptr}, d, at);
}

/// Columns [column, column + Vectors * 16) of the weighted sum of values, position after position.
template <int Queries, int Vectors>
__attribute__((always_inline)) inline void mix_columns(const query_group& g,
                                                       const paged_layer& layer,
                                                       std::int64_t value_offset,
                                                       std::int64_t stride, std::int64_t column,
                                                       std::int64_t valid, const float* inverse) {
  vec sum[Queries][Vectors];
#pragma GCC unroll 4
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[q][v] = vec{};
  for (std::int64_t page = 0; page < g.pages; ++page) {
    const float* values = layer.page(g.first_page + page) + value_offset + column;
    for (std::int64_t j = 0; j < lanes; ++j) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        const vec value = load(values + j * stride + v * 16);
#pragma GCC unroll 4
        for (int q = 0; q < Queries; ++q) sum[q][v] += g.scores[q][page * lanes + j] * value;
      }
    }
  }
  for (int q = 0; q < Queries; ++q) {
    for (int v = 0; v < Vectors; ++v) sum[q][v] *= inverse[q];
    std::memcpy(
        g.out[q] + column, sum[q],
        static_cast<std::size_t>(std::min<std::int64_t>(valid, Vectors * 16)) * sizeof(float));
  }
}

template <int Queries>
__attribute__((always_inline)) inline void mix(const query_group& g, const paged_layer& layer,
                                               std::int64_t value_offset, const float* inverse) {
  const auto& shape = layer.shape();
  const auto stride = shape.value_stride();
  std::int64_t column = 0;
  for (; column + 64 <= stride; column += 64)
    mix_columns<Queries, 4>(g, layer, value_offset, stride, column, shape.value_dim - column,
                            inverse);
  for (; column < stride; column += 16)
    mix_columns<Queries, 1>(g, layer, value_offset, stride, column, shape.value_dim - column,
                            inverse);
}

/// Adds the learnt bias to the scores from `from` to `to` - 1, which is the query's own position.
__attribute__((always_inline)) inline void add_bias(const attention_shape& s, const query_group& g,
                                                    int q, float* scores, std::int64_t from,
                                                    std::int64_t to) {
  const std::int64_t count = std::min<std::int64_t>(s.extent, to - from);
  thread_local scratch<float> memory;
  const float* bias = s.bias ? s.bias + static_cast<std::int64_t>(g.head[q]) * s.extent : nullptr;
  if (s.bank) {
    float* const mixed = memory.get(s.extent);
    mix_profiles(s, g.row[q], g.head[q], length_scale(s, g.position[q]), count, mixed);
    bias = mixed;
  }
  for (std::int64_t i = 0; i < count; ++i) scores[to - 1 - i] += bias[i];
}

/// Scores become weights; gives one over their sum.
__attribute__((always_inline)) inline float weigh(const attention_shape& s, const query_group& g,
                                                  int q) {
  float* scores = g.scores[q];
  const std::int64_t from = g.seen_from[q] - g.first_page * lanes;
  const std::int64_t to = g.position[q] + 1 - g.first_page * lanes, all = g.pages * lanes;
  if (s.bank || s.bias) add_bias(s, g, q, scores, from, to);
  if (s.softcap > 0)
    for (std::int64_t j = from; j < to; ++j)
      scores[j] = s.softcap * std::tanh(scores[j] / s.softcap);
  const bool has_sink = s.sinks || s.row_sinks;
  const float sink = has_sink ? sink_of(s, g.row[q], g.head[q]) : -INFINITY;
  float top = sink;
  for (std::int64_t j = from; j < to; ++j) top = std::max(top, scores[j]);
  for (std::int64_t j = 0; j < from; ++j) scores[j] = 0;
  for (std::int64_t j = from; j < to; ++j) scores[j] = fast_exp(scores[j] - top);
  for (std::int64_t j = to; j < all; ++j) scores[j] = 0;
  float by_lane[lanes] = {};
  for (std::int64_t page = 0; page < g.pages; ++page)
    for (std::int64_t j = 0; j < lanes; ++j) by_lane[j] += scores[page * lanes + j];
  float sum = has_sink ? fast_exp(sink - top) : 0.0f;
  for (std::int64_t j = 0; j < lanes; ++j) sum += by_lane[j];
  return 1.0f / sum;
}

template <int Queries>
__attribute__((always_inline)) inline void attend_group(const attention_shape& s,
                                                        const query_group& g,
                                                        const paged_layer& layer, int kv_head) {
  const auto& shape = layer.shape();
  score<Queries>(g, layer, std::int64_t{kv_head} * shape.head_dim * lanes, shape.head_dim);
  float inverse[4] = {};
  for (int q = 0; q < Queries; ++q) inverse[q] = weigh(s, g, q);
  mix<Queries>(g, layer, shape.keys() + kv_head * shape.value_stride() * lanes, inverse);
}

}  // namespace

HOCKET_CLONES void infer_write_pages(const attention_shape& s, const paged_rows& rows,
                                     const paged_layer& layer) {
  const std::int64_t d = s.head_dim, vd = s.values(), stride = layer.shape().value_stride();
  attention_shape turned = s;
  float key[256];
  for (std::int64_t r = 0; r < rows.count; ++r) {
    if (rows.cosine)
      turned.cosine = rows.cosine + r * s.pairs, turned.sine = rows.sine + r * s.pairs;
    const float* qkv = rows.qkv + r * s.row();
    const std::int64_t position = rows.first + r, lane = position % lanes;
    float* page = layer.page(position / lanes);
    for (int h = 0; h < s.kv_heads; ++h) {
      prepare(turned, qkv + (s.heads + h) * d, s.k_gain, 1.0f, key);
      float* keys = page + h * d * lanes + lane;
      for (std::int64_t i = 0; i < d; ++i) keys[i * lanes] = key[i];
      std::memcpy(page + layer.shape().keys() + (h * lanes + lane) * stride,
                  qkv + (s.heads + s.kv_heads) * d + h * vd,
                  static_cast<std::size_t>(vd) * sizeof(float));
    }
  }
}

HOCKET_CLONES void infer_attend_pages(const attention_shape& s, const paged_rows& rows,
                                      const paged_layer& layer, int kv_head, std::int64_t begin,
                                      std::int64_t end) {
  const std::int64_t d = s.head_dim, vd = s.values(), group = s.heads / s.kv_heads;
  const float scale = s.scale != 0 ? s.scale : 1.0f / std::sqrt(static_cast<float>(d));
  thread_local scratch<float> queries_memory, scores_memory;
  float* const queries = queries_memory.get(4 * 256);
  attention_shape turned = s;
  for (std::int64_t next = begin; next < end;) {
    query_group g;
    std::int64_t last_page = 0;
    g.first_page = rows.first + rows.count;
    for (; g.count < 4 && next < end; ++next, ++g.count) {
      const std::int64_t r = next / group, position = rows.first + r;
      const int head = kv_head * static_cast<int>(group) + static_cast<int>(next % group);
      if (rows.cosine)
        turned.cosine = rows.cosine + r * s.pairs, turned.sine = rows.sine + r * s.pairs;
      float* const q = queries + g.count * 256;
      const float* const row = rows.qkv + r * s.row();
      const float grown = s.length_from > 0 ? scale * length_scale(s, position) : scale;
      prepare(turned, row + head * d, s.q_gain, grown, q);
      g.row[g.count] = row;
      g.q[g.count] = q, g.head[g.count] = head, g.position[g.count] = position;
      g.seen_from[g.count] = s.window > 0 ? std::max<std::int64_t>(0, position - s.window + 1) : 0;
      g.out[g.count] = rows.out + (r * s.heads + head) * vd;
      g.first_page = std::min(g.first_page, g.seen_from[g.count] / lanes);
      last_page = position / lanes;
    }
    g.pages = last_page - g.first_page + 1;
    float* const scores = scores_memory.get(4 * (g.pages * lanes + 16));
    for (int q = 0; q < g.count; ++q) g.scores[q] = scores + q * (g.pages * lanes + 16);
    switch (g.count) {
      case 4: attend_group<4>(turned, g, layer, kv_head); break;
      case 3: attend_group<3>(turned, g, layer, kv_head); break;
      case 2: attend_group<2>(turned, g, layer, kv_head); break;
      default: attend_group<1>(turned, g, layer, kv_head); break;
    }
  }
}

}  // namespace hocket::engine::kernels
