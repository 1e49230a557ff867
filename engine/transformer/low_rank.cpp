#include "engine/transformer/low_rank.hpp"

#include <algorithm>

#include "engine/transformer/simd.hpp"
#include "engine/transformer/vectors.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t tile = 64;

/// Of the tile that begins at rank r.
__attribute__((always_inline)) inline std::int64_t lanes_at(std::int64_t r, std::int64_t rank) {
  return rank - r > 8 ? 16 : 8;
}

/// Asks for the bytes that lie in `next` where `count` numbers lie behind their first.
template <class Weight>
__attribute__((always_inline)) inline void ask_for(const char* next, std::int64_t from,
                                                   std::int64_t count) {
  constexpr std::int64_t line = 64;
  if (!next) return;
  const auto bytes = count * static_cast<std::int64_t>(sizeof(Weight));
  for (std::int64_t at = 0; at < bytes; at += line)
    __builtin_prefetch(next + from * static_cast<std::int64_t>(sizeof(Weight)) + at);
}

/// Rows times the lanes of a tile, four sums for each.
template <int Rows, class Vector, class Weight>
__attribute__((always_inline)) inline void down_block(const float* x, std::int64_t in,
                                                      std::int64_t x_stride, const Weight* w,
                                                      float scale, float* h, std::int64_t stride,
                                                      const char* next) {
  constexpr std::int64_t lanes = sizeof(Vector) / sizeof(float);
  constexpr int sums = 4;
  Vector sum[Rows][sums];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int s = 0; s < sums; ++s) sum[r][s] = Vector{};
  std::int64_t k = 0;
  for (; k + sums <= in; k += sums) {
    if constexpr (Rows == 1) ask_for<Weight>(next, k * lanes, sums * lanes);
#pragma GCC unroll 4
    for (int s = 0; s < sums; ++s) {
      Vector weights;
      load_into(weights, w + (k + s) * lanes);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) sum[r][s] += x[r * x_stride + k + s] * weights;
    }
  }
#pragma GCC unroll 4
  for (int s = 0; s < sums - 1; ++s)
    if (k + s < in) {
      Vector weights;
      load_into(weights, w + (k + s) * lanes);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) sum[r][s] += x[r * x_stride + k + s] * weights;
    }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    const Vector all = scale * ((sum[r][0] + sum[r][1]) + (sum[r][2] + sum[r][3]));
    __builtin_memcpy(h + r * stride, &all, sizeof all);
  }
}

template <class Vector, class Weight>
__attribute__((always_inline)) inline void down_tile(const float* x, std::int64_t x_stride,
                                                     const Weight* w, float* h, std::int64_t n,
                                                     std::int64_t in, float scale,
                                                     std::int64_t stride, const char* next) {
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    down_block<4, Vector>(x + i * x_stride, in, x_stride, w, scale, h + i * stride, stride,
                          nullptr);
  for (; i < n; ++i)
    down_block<1, Vector>(x + i * x_stride, in, x_stride, w, scale, h + i * stride, stride,
                          n == 1 ? next : nullptr);
}

template <class Weight>
__attribute__((always_inline)) inline void down(const float* x, std::int64_t x_stride,
                                                const Weight* packed, float* h, std::int64_t n,
                                                std::int64_t in, std::int64_t rank, float scale,
                                                const void* next) {
  const auto stride = padded_rank(rank);
  for (std::int64_t r = 0; r < rank; r += lanes_at(r, rank)) {
    const Weight* w = packed + r * in;
    const char* then =
        next ? static_cast<const char*>(next) + r * in * std::int64_t{sizeof(Weight)} : nullptr;
    if (lanes_at(r, rank) == 16)
      down_tile<vec>(x, x_stride, w, h + r, n, in, scale, stride, then);
    else
      down_tile<half_vec>(x, x_stride, w, h + r, n, in, scale, stride, then);
  }
}

/// Eight ranks times the numbers of two vectors.
__attribute__((always_inline)) inline void outer_block(const float* h, std::int64_t h_stride,
                                                       const float* x, std::int64_t stride,
                                                       std::int64_t n, std::int64_t valid,
                                                       float (*sums)[32]) {
  vec sum[8][2];
#pragma GCC unroll 8
  for (int r = 0; r < 8; ++r) sum[r][0] = sum[r][1] = vec{};
  for (std::int64_t i = 0; i < n; ++i) {
    pair_of numbers{};
    if (valid >= 32)
      numbers = load(x + i * stride);
    else
      __builtin_memcpy(&numbers, x + i * stride, static_cast<std::size_t>(valid) * sizeof(float));
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) {
      sum[r][0] += h[i * h_stride + r] * numbers.first;
      sum[r][1] += h[i * h_stride + r] * numbers.second;
    }
  }
  __builtin_memcpy(sums, sum, sizeof sum);
}

/// Rows times the 64 outputs of a tile.
template <int Rows, class Weight>
__attribute__((always_inline)) inline void up_block(const float* h, std::int64_t rank,
                                                    const Weight* w, float* y, std::int64_t stride,
                                                    std::int64_t valid, const char* next) {
  const auto h_stride = padded_rank(rank);
  vec sum[Rows][4];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) sum[r][v] = vec{};
  for (std::int64_t k = 0; k < rank; ++k) {
    if constexpr (Rows == 1) ask_for<Weight>(next, k * tile, tile);
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const auto weights = load(w + k * tile + v * 32);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) {
        sum[r][v * 2] += h[r * h_stride + k] * weights.first;
        sum[r][v * 2 + 1] += h[r * h_stride + k] * weights.second;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    float* to = y + r * stride;
    if (valid >= tile) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        vec before;
        load_into(before, to + v * 16);
        before += sum[r][v];
        __builtin_memcpy(to + v * 16, &before, sizeof before);
      }
      continue;
    }
    float part[tile];
    __builtin_memcpy(part, sum[r], sizeof part);
    for (std::int64_t j = 0; j < valid; ++j) to[j] += part[j];
  }
}

template <class Weight>
__attribute__((always_inline)) inline void up(const float* h, const Weight* packed, float* y,
                                              std::int64_t stride, std::int64_t n,
                                              std::int64_t rank, std::int64_t out,
                                              std::int64_t first, std::int64_t last,
                                              const void* next) {
  const auto h_stride = padded_rank(rank);
  for (auto t = first; t < last; ++t) {
    const char* then = next && n == 1 ? static_cast<const char*>(next) +
                                            t * rank * tile * std::int64_t{sizeof(Weight)}
                                      : nullptr;
    const Weight* w = packed + t * rank * tile;
    float* to = y + t * tile;
    const auto valid = out - t * tile;
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      up_block<4>(h + i * h_stride, rank, w, to + i * stride, stride, valid, nullptr);
    for (; i < n; ++i) up_block<1>(h + i * h_stride, rank, w, to + i * stride, stride, valid, then);
  }
}

/// Calls with(place in `w`, place in what is packed) for each number; -1: a zero that fills up.
template <class With>
void for_places(std::int64_t rank, std::int64_t in, With with) {
  for (std::int64_t r = 0; r < rank; r += lanes_at(r, rank)) {
    const auto lanes = lanes_at(r, rank);
    for (std::int64_t k = 0; k < in; ++k)
      for (std::int64_t j = 0; j < lanes; ++j)
        with(r + j < rank ? (r + j) * in + k : -1, r * in + k * lanes + j);
  }
}

}  // namespace

void pack_ranks(const float* w, float* packed, std::int64_t rank, std::int64_t in) {
  for_places(rank, in,
             [&](std::int64_t from, std::int64_t to) { packed[to] = from < 0 ? 0.0f : w[from]; });
}
void pack_ranks(const float* w, bf16* packed, std::int64_t rank, std::int64_t in) {
  for_places(rank, in, [&](std::int64_t from, std::int64_t to) {
    packed[to] = from < 0 ? bf16{0} : to_bf16(w[from]);
  });
}
void unpack_ranks(const float* packed, float* w, std::int64_t rank, std::int64_t in) {
  for_places(rank, in, [&](std::int64_t to, std::int64_t from) {
    if (to >= 0) w[to] = packed[from];
  });
}
void unpack_ranks(const bf16* packed, float* w, std::int64_t rank, std::int64_t in) {
  for_places(rank, in, [&](std::int64_t to, std::int64_t from) {
    if (to >= 0) w[to] = to_float(packed[from]);
  });
}

HOCKET_CLONES void infer_down(const float* x, std::int64_t stride, const float* packed, float* h,
                              std::int64_t n, std::int64_t in, std::int64_t rank, float scale,
                              const void* next) {
  down(x, stride, packed, h, n, in, rank, scale, next);
}
HOCKET_CLONES void infer_down(const float* x, std::int64_t stride, const bf16* packed, float* h,
                              std::int64_t n, std::int64_t in, std::int64_t rank, float scale,
                              const void* next) {
  down(x, stride, packed, h, n, in, rank, scale, next);
}

HOCKET_CLONES void infer_up(const float* h, const float* packed, float* y, std::int64_t stride,
                            std::int64_t n, std::int64_t rank, std::int64_t out, std::int64_t first,
                            std::int64_t last, const void* next) {
  up(h, packed, y, stride, n, rank, out, first, last, next);
}
HOCKET_CLONES void infer_up(const float* h, const bf16* packed, float* y, std::int64_t stride,
                            std::int64_t n, std::int64_t rank, std::int64_t out, std::int64_t first,
                            std::int64_t last, const void* next) {
  up(h, packed, y, stride, n, rank, out, first, last, next);
}

HOCKET_CLONES void sum_outer(const float* h, const float* x, std::int64_t stride, float* y,
                             std::int64_t n, std::int64_t rank, std::int64_t count,
                             std::int64_t first, std::int64_t last, bool transposed) {
  const auto h_stride = padded_rank(rank);
  alignas(64) float sums[8][32];
  for (std::int64_t j = first; j < last; j += 32) {
    const auto valid = std::min<std::int64_t>(32, last - j);
    for (std::int64_t r = 0; r < rank; r += 8) {
      outer_block(h + r, h_stride, x + j, stride, n, valid, sums);
      for (std::int64_t k = 0; k < std::min<std::int64_t>(8, rank - r); ++k)
        for (std::int64_t i = 0; i < valid; ++i)
          y[transposed ? (j + i) * rank + r + k : (r + k) * count + j + i] = sums[k][i];
    }
  }
}

}  // namespace hocket::engine::kernels
