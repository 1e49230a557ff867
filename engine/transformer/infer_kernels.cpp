// Streaming kernels: fp32, one row's result never depends on the other rows. A row is summed in the
// same order whether it comes alone, in a batch or in a whole sequence.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/head_rows.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t tile = 64;
typedef float vec __attribute__((vector_size(64)));
typedef std::uint32_t words __attribute__((vector_size(64)));
typedef std::uint16_t halves __attribute__((vector_size(32)));

template <class Weight>
__attribute__((always_inline)) inline vec load(const Weight* w);
template <>
__attribute__((always_inline)) inline vec load<float>(const float* w) {
  vec v;
  __builtin_memcpy(&v, w, sizeof v);
  return v;
}
template <>
__attribute__((always_inline)) inline vec load<bf16>(const bf16* w) {
  halves h;
  __builtin_memcpy(&h, w, sizeof h);
  return (vec)(__builtin_convertvector(h, words) << 16);
}

/// Rows x Tiles * 64 outputs at once; the order of each sum is k = 0, 1, 2, ...
template <int Rows, int Tiles, class Weight>
__attribute__((always_inline)) inline void block(const float* x, std::int64_t in, const Weight* w,
                                                 float* y, std::int64_t out, std::int64_t valid) {
  vec sum[Rows][Tiles * 4];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < Tiles * 4; ++v) sum[r][v] = vec{};
  for (std::int64_t k = 0; k < in; ++k)
#pragma GCC unroll 2
    for (int t = 0; t < Tiles; ++t)
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const vec weight = load(w + (t * in + k) * tile + v * 16);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) sum[r][t * 4 + v] += x[r * in + k] * weight;
      }
  for (int r = 0; r < Rows; ++r)
    __builtin_memcpy(y + r * out, sum[r],
                     sizeof(float) * std::min<std::int64_t>(valid, Tiles * tile));
}

template <class Weight>
__attribute__((always_inline)) inline void linear(const float* x, const Weight* w, float* y,
                                                  std::int64_t n, std::int64_t in, std::int64_t out,
                                                  std::int64_t first, std::int64_t tiles) {
  for (std::int64_t j = first; j < tiles;) {
    const Weight* tile_w = w + j * in * tile;
    const std::int64_t valid = out - j * tile;
    std::int64_t i = 0;
    const bool pair = n < 4 && j + 2 <= tiles;
    for (; i + 4 <= n; i += 4)
      block<4, 1>(x + i * in, in, tile_w, y + i * out + j * tile, out, valid);
    if (pair) {
      for (; i < n; ++i) block<1, 2>(x + i * in, in, tile_w, y + i * out + j * tile, out, valid);
    } else {
      for (; i < n; ++i) block<1, 1>(x + i * in, in, tile_w, y + i * out + j * tile, out, valid);
    }
    j += pair ? 2 : 1;
  }
}

template <class Weight, class Convert>
void pack(const float* w, Weight* packed, std::int64_t out, std::int64_t in, Convert convert) {
  const std::int64_t tiles = (out + tile - 1) / tile;
  for (std::int64_t j = 0; j < tiles; ++j)
    for (std::int64_t k = 0; k < in; ++k)
      for (std::int64_t c = 0; c < tile; ++c) {
        const std::int64_t row = j * tile + c;
        packed[(j * in + k) * tile + c] = convert(row < out ? w[row * in + k] : 0.0f);
      }
}

}  // namespace

std::int64_t packed_size(std::int64_t out, std::int64_t in) {
  return (out + tile - 1) / tile * tile * in;
}
void pack_weights(const float* w, float* packed, std::int64_t out, std::int64_t in) {
  pack(w, packed, out, in, [](float v) { return v; });
}
void pack_weights(const float* w, bf16* packed, std::int64_t out, std::int64_t in) {
  pack(w, packed, out, in, [](float v) { return to_bf16(v); });
}

HOCKET_CLONES void infer_linear(const float* x, const float* packed, float* y, std::int64_t n,
                                std::int64_t in, std::int64_t out, std::int64_t first,
                                std::int64_t last) {
  linear(x, packed, y, n, in, out, first, last);
}
HOCKET_CLONES void infer_linear(const float* x, const bf16* packed, float* y, std::int64_t n,
                                std::int64_t in, std::int64_t out, std::int64_t first,
                                std::int64_t last) {
  linear(x, packed, y, n, in, out, first, last);
}

HOCKET_CLONES void infer_rms_norm(const float* x, const float* gain, float* y, std::int64_t n,
                                  std::int64_t d, float epsilon) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* row = x + t * d;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += row[i] * row[i];
    const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(d) + epsilon);
    if (gain)
      for (std::int64_t i = 0; i < d; ++i) y[t * d + i] = row[i] * inverse * gain[i];
    else
      for (std::int64_t i = 0; i < d; ++i) y[t * d + i] = row[i] * inverse;
  }
}

HOCKET_CLONES void infer_swiglu(const float* gu, float* y, std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* gate = gu + t * 2 * f;
    const float* up = gate + f;
    for (std::int64_t i = 0; i < f; ++i)
      y[t * f + i] = gate[i] / (1.0f + fast_exp(-gate[i])) * up[i];
  }
}

HOCKET_CLONES void infer_silu(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] / (1.0f + fast_exp(-x[i]));
}

HOCKET_CLONES void infer_layer_norm(const float* x, const float* gain, const float* shift, float* y,
                                    std::int64_t n, std::int64_t d, float epsilon) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* row = x + t * d;
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += row[i];
    const float mean = sum / static_cast<float>(d);
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < d; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(d) + epsilon);
    for (std::int64_t i = 0; i < d; ++i)
      y[t * d + i] = (row[i] - mean) * inverse * gain[i] + (shift ? shift[i] : 0.0f);
  }
}

HOCKET_CLONES void infer_geglu(const float* gu, float* y, std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* gate = gu + t * 2 * f;
    const float* up = gate + f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float g = gate[i];  // 0.5 (1 + tanh z) = 1 / (1 + exp(-2 z))
      const float z = 0.7978845608f * (g + 0.044715f * g * g * g);
      y[t * f + i] = g / (1.0f + fast_exp(-2.0f * z)) * up[i];
    }
  }
}

HOCKET_CLONES void infer_clamped(const float* gu, float* y, std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* gates = gu + t * 2 * f;
    const float* ups = gates + f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float gate = std::min(gates[i], 7.0f);
      const float up = std::min(std::max(ups[i], -7.0f), 7.0f);
      y[t * f + i] = gate / (1.0f + fast_exp(-1.702f * gate)) * (up + 1.0f);
    }
  }
}

HOCKET_CLONES void infer_relu_squared(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = std::max(x[i], 0.0f);
    y[i] = v * v;
  }
}

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
  float* scores = work.get(count + biased);
  float* const mixed = scores + count;
  float q[256];
  const float growth = length_scale(s, position);
  const float scale = (s.scale != 0 ? s.scale : 1.0f / std::sqrt(static_cast<float>(d))) * growth;
  const bool has_sink = s.sinks || s.row_sinks;
  for (int h = 0; h < s.heads; ++h) {
    prepare(s, qkv + h * d, s.q_gain, scale, q);
    const std::int64_t offset = h / group * d;
    std::int64_t at = first % ring.capacity;
    const float sink = has_sink ? sink_of(s, qkv, h) : -INFINITY;
    float top = sink;
    if (s.bank) mix_profiles(s, qkv, h, growth, biased, mixed);
    for (std::int64_t j = 0; j < count; ++j) {
      const float* key = ring.k + at * width + offset;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < d; ++i) sum += q[i] * key[i];
      const std::int64_t distance = count - 1 - j;
      if (s.bias && distance < s.extent) sum += s.bias[h * s.extent + distance];
      if (distance < biased) sum += mixed[distance];
      if (s.softcap > 0) sum = s.softcap * std::tanh(sum / s.softcap);
      scores[j] = sum;
      top = std::max(top, sum);
      if (++at == ring.capacity) at = 0;
    }
    float sum = 0;
    for (std::int64_t j = 0; j < count; ++j) scores[j] = fast_exp(scores[j] - top);
    for (std::int64_t j = 0; j < count; ++j) sum += scores[j];
    if (has_sink) sum += fast_exp(sink - top);
    float* o = out + h * vd;
    std::memset(o, 0, vd * sizeof(float));
    at = first % ring.capacity;
    for (std::int64_t j = 0; j < count; ++j) {
      const float* value = ring.v + at * value_width + h / group * vd;
      for (std::int64_t i = 0; i < vd; ++i) o[i] += scores[j] * value[i];
      if (++at == ring.capacity) at = 0;
    }
    const float inverse = 1.0f / sum;
    for (std::int64_t i = 0; i < vd; ++i) o[i] *= inverse;
  }
}

}  // namespace hocket::engine::kernels
