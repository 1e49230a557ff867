#include "engine/transformer/pairs.hpp"

#include <algorithm>
#include <cstring>

#include "engine/transformer/pairs_amx.hpp"
#include "engine/transformer/simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t tile = 64;

HOCKET_CLONES void plain_tiles(const bf16* x, const bf16* packed, float* y, std::int64_t n,
                               std::int64_t in, std::int64_t out, std::int64_t first,
                               std::int64_t last) {
  for (std::int64_t t = first; t < last; ++t) {
    const bf16* w = packed + t * in * tile;
    const auto valid = std::min(tile, out - t * tile);
    for (std::int64_t r = 0; r < n; ++r) {
      float sum[tile] = {};
      for (std::int64_t k = 0; k < in; k += 2) {
        const float a = to_float(x[r * in + k]), b = to_float(x[r * in + k + 1]);
        for (std::int64_t j = 0; j < tile; ++j) {
          const bf16* pair = w + k * tile + 2 * j;
          sum[j] += b * to_float(pair[1]);
          sum[j] += a * to_float(pair[0]);
        }
      }
      std::memcpy(y + r * out + t * tile, sum, static_cast<std::size_t>(valid) * sizeof(float));
    }
  }
}

#if defined(__x86_64__)
#define HOCKET_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define HOCKET_BF16_INLINE \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"), always_inline))

/// Rows times Tiles * 64 outputs.
template <int Rows, int Tiles>
HOCKET_BF16_INLINE inline void block(const bf16* x, const bf16* w, float* y, std::int64_t in,
                                     std::int64_t out, std::int64_t valid) {
  __m512 sum[Rows][Tiles * 4];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < Tiles * 4; ++v) sum[r][v] = _mm512_setzero_ps();
  for (std::int64_t k = 0; k < in; k += 2) {
    __m512bh left[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      int word;
      std::memcpy(&word, x + r * in + k, 4);
      left[r] = (__m512bh)_mm512_set1_epi32(word);
    }
#pragma GCC unroll 2
    for (int t = 0; t < Tiles; ++t) {
      const bf16* from = w + (t * in + k) * tile;
      if constexpr (Rows <= 2) {
        _mm_prefetch(reinterpret_cast<const char*>(from) + 2048, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from) + 2112, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from) + 2176, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from) + 2240, _MM_HINT_T0);
      }
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const auto right = (__m512bh)_mm512_loadu_si512(from + v * 32);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r)
          sum[r][t * 4 + v] = _mm512_dpbf16_ps(sum[r][t * 4 + v], left[r], right);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
    std::memcpy(
        y + r * out, sum[r],
        static_cast<std::size_t>(std::min<std::int64_t>(valid, Tiles * tile)) * sizeof(float));
}

HOCKET_BF16 void native_tiles(const bf16* x, const bf16* packed, float* y, std::int64_t n,
                              std::int64_t in, std::int64_t out, std::int64_t first,
                              std::int64_t last) {
  for (std::int64_t t = first; t < last;) {
    const bf16* w = packed + t * in * tile;
    const auto valid = out - t * tile;
    float* to = y + t * tile;
    if (n == 1 && t + 2 <= last) {
      block<1, 2>(x, w, to, in, out, valid);
      t += 2;
      continue;
    }
    std::int64_t r = 0;
    for (; r + 6 <= n; r += 6) block<6, 1>(x + r * in, w, to + r * out, in, out, valid);
    for (; r + 4 <= n; r += 4) block<4, 1>(x + r * in, w, to + r * out, in, out, valid);
    for (; r + 2 <= n; r += 2) block<2, 1>(x + r * in, w, to + r * out, in, out, valid);
    for (; r < n; ++r) block<1, 1>(x + r * in, w, to + r * out, in, out, valid);
    ++t;
  }
}
#endif

}  // namespace

void pack_pairs(const float* w, bf16* packed, std::int64_t out, std::int64_t in) {
  std::memset(packed, 0, static_cast<std::size_t>(packed_size(out, in)) * sizeof(bf16));
  for (std::int64_t row = 0; row < out; ++row) {
    bf16* to = packed + row / tile * in * tile + row % tile * 2;
    for (std::int64_t k = 0; k < in; ++k) to[k / 2 * 2 * tile + k % 2] = to_bf16(w[row * in + k]);
  }
}

HOCKET_CLONES void round_to_pairs(const float* x, bf16* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = to_bf16(x[i]);
}

pairs_way best_pairs_way(std::int64_t in) {
  if (in % 32 == 0 && has_tile_registers()) return pairs_way::tiles;
  return has_native_bf16() ? pairs_way::native : pairs_way::plain;
}

void infer_pairs(const bf16* x, const bf16* packed, float* y, std::int64_t n, std::int64_t in,
                 std::int64_t out, std::int64_t first, std::int64_t last, pairs_way way) {
  if (way == pairs_way::tiles) return infer_pairs_amx(x, packed, y, n, in, out, first, last);
#if defined(__x86_64__)
  if (way == pairs_way::native) return native_tiles(x, packed, y, n, in, out, first, last);
#endif
  plain_tiles(x, packed, y, n, in, out, first, last);
}

}  // namespace hocket::engine::kernels
