// Streaming kernels: fp32, one row's result never depends on the other rows. A row is summed in the
// same order whether it comes alone, in a batch or in a whole sequence.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"
#include "engine/transformer/vectors.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t tile = 64;

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
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const auto weights = load(w + (t * in + k) * tile + v * 32);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
          sum[r][t * 4 + v * 2] += x[r * in + k] * weights.first;
          sum[r][t * 4 + v * 2 + 1] += x[r * in + k] * weights.second;
        }
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
        packed[(j * in + k) * tile + place_in_tile<Weight>(c)] =
            convert(row < out ? w[row * in + k] : 0.0f);
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

}  // namespace hocket::engine::kernels
