// Grouped products with AVX-512 VNNI and with AVX2. Intrinsics under target attributes: the file is
// compiled for any x86-64, and grouped.cpp asks the processor before it calls.
#include "engine/transformer/grouped_ways.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

namespace hocket::engine::kernels {
namespace {

#define HOCKET_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"), always_inline))
#define HOCKET_AVX2 __attribute__((target("avx2,fma,f16c"), always_inline))

inline int quad_of(const std::int8_t* levels) {
  int quad;
  std::memcpy(&quad, levels, 4);
  return quad;
}

/// Rows of x against 64 outputs. 16 float sums stay in registers over all groups.
template <int Bits, int Group, int Rows>
HOCKET_VNNI inline void vnni_block(const grouped_input& x, std::int64_t row, const std::uint8_t* at,
                                   std::int64_t groups, __m512 (&sum)[Rows][4]) {
  constexpr int level_bytes = 64 * Group * Bits / 8;
  const __m512i low = _mm512_set1_epi8(15);
  const std::int8_t* levels[Rows];
  for (int r = 0; r < Rows; ++r) levels[r] = x.levels(row + r);
  for (std::int64_t g = 0; g < groups; ++g, at += level_bytes + 256) {
    _mm_prefetch(reinterpret_cast<const char*>(at) + 4096, _MM_HINT_T0);
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      __m512i dot[Rows];
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) dot[r] = _mm512_setzero_si512();
#pragma GCC unroll 8
      for (int block = 0; block < level_bytes / 256; ++block) {
        const __m512i w = _mm512_load_si512(at + block * 256 + s * 64);
        if constexpr (Bits == 8) {
#pragma GCC unroll 4
          for (int r = 0; r < Rows; ++r)
            dot[r] = _mm512_dpbusd_epi32(
                dot[r], w, _mm512_set1_epi32(quad_of(levels[r] + g * Group + block * 4)));
        } else {
          const __m512i first = _mm512_and_si512(w, low);
          const __m512i second = _mm512_and_si512(_mm512_srli_epi16(w, 4), low);
#pragma GCC unroll 4
          for (int r = 0; r < Rows; ++r) {
            const std::int8_t* from = levels[r] + g * Group + block * 8;
            dot[r] = _mm512_dpbusd_epi32(dot[r], first, _mm512_set1_epi32(quad_of(from)));
            dot[r] = _mm512_dpbusd_epi32(dot[r], second, _mm512_set1_epi32(quad_of(from + 4)));
          }
        }
      }
      const auto* halves = at + level_bytes + s * 32;
      const __m512 scale =
          _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves)));
      const __m512 offset =
          _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves + 128)));
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) {
        const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(x.scales(row + r)[g]));
        sum[r][s] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r]), both, sum[r][s]);
        sum[r][s] = _mm512_fmadd_ps(offset, _mm512_set1_ps(x.sums(row + r)[g]), sum[r][s]);
      }
    }
  }
}

template <int Bits, int Group, int Rows>
HOCKET_VNNI inline void vnni_rows(const grouped_input& x, std::int64_t row,
                                  const grouped_weights& w, std::int64_t tile, float* y) {
  __m512 sum[Rows][4];
  for (int r = 0; r < Rows; ++r)
    for (int s = 0; s < 4; ++s) sum[r][s] = _mm512_setzero_ps();
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(w.data.get()) + tile * w.groups() * w.group_bytes();
  vnni_block<Bits, Group, Rows>(x, row, at, w.groups(), sum);
  const std::int64_t valid = std::min<std::int64_t>(64, w.out - tile * 64);
  for (int r = 0; r < Rows; ++r)
    std::memcpy(y + (row + r) * w.out + tile * 64, sum[r], valid * sizeof(float));
}

template <int Bits, int Group>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void vnni_all(
    const grouped_input& x, const grouped_weights& w, float* y, std::int64_t first,
    std::int64_t last) {
  for (std::int64_t t = first; t < last; ++t) {
    std::int64_t row = 0;
    for (; row + 4 <= x.rows(); row += 4) vnni_rows<Bits, Group, 4>(x, row, w, t, y);
    for (; row < x.rows(); ++row) vnni_rows<Bits, Group, 1>(x, row, w, t, y);
  }
}

/// Sum of products of unsigned and signed bytes in fours; `w` below 16, so that nothing saturates.
HOCKET_AVX2 inline __m256i fours(__m256i w, __m256i x) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

/// One row of x against 8 outputs of a tile.
template <int Bits, int Group>
HOCKET_AVX2 inline __m256 avx2_lanes(const grouped_input& x, std::int64_t row,
                                     const std::uint8_t* at, std::int64_t groups, int lanes) {
  constexpr int level_bytes = 64 * Group * Bits / 8;
  const __m256i low = _mm256_set1_epi8(15);
  __m256 sum = _mm256_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g, at += level_bytes + 256) {
    const std::int8_t* levels = x.levels(row) + g * Group;
    __m256i dot = _mm256_setzero_si256(), upper = _mm256_setzero_si256();
    for (int block = 0; block < level_bytes / 256; ++block) {
      const __m256i w =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(at + block * 256 + lanes * 4));
      const __m256i first = _mm256_and_si256(w, low);
      const __m256i second = _mm256_and_si256(_mm256_srli_epi16(w, 4), low);
      if constexpr (Bits == 8) {  // a level is 16 times its upper half and its lower half
        const __m256i quad = _mm256_set1_epi32(quad_of(levels + block * 4));
        dot = _mm256_add_epi32(dot, fours(first, quad));
        upper = _mm256_add_epi32(upper, fours(second, quad));
      } else {
        dot = _mm256_add_epi32(dot, fours(first, _mm256_set1_epi32(quad_of(levels + block * 8))));
        dot = _mm256_add_epi32(dot,
                               fours(second, _mm256_set1_epi32(quad_of(levels + block * 8 + 4))));
      }
    }
    dot = _mm256_add_epi32(dot, _mm256_slli_epi32(upper, 4));
    const auto* halves = at + level_bytes + lanes * 2;
    const __m256 scale = _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
    const __m256 offset =
        _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves + 128)));
    const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(x.scales(row)[g]));
    sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), both, sum);
    sum = _mm256_fmadd_ps(offset, _mm256_set1_ps(x.sums(row)[g]), sum);
  }
  return sum;
}

template <int Bits, int Group>
__attribute__((target("avx2,fma,f16c"))) void avx2_all(const grouped_input& x,
                                                       const grouped_weights& w, float* y,
                                                       std::int64_t first, std::int64_t last) {
  for (std::int64_t t = first; t < last; ++t) {
    const auto* at =
        reinterpret_cast<const std::uint8_t*>(w.data.get()) + t * w.groups() * w.group_bytes();
    const std::int64_t valid = std::min<std::int64_t>(64, w.out - t * 64);
    for (std::int64_t row = 0; row < x.rows(); ++row)
      for (int lanes = 0; lanes < valid; lanes += 8) {
        const __m256 sum = avx2_lanes<Bits, Group>(x, row, at, w.groups(), lanes);
        std::memcpy(y + row * w.out + t * 64 + lanes, &sum,
                    std::min<std::int64_t>(8, valid - lanes) * sizeof(float));
      }
  }
}

}  // namespace

void vnni_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t first,
                std::int64_t last) {
  if (w.bits == 4) return vnni_all<4, 32>(x, w, y, first, last);
  if (w.group == 32) return vnni_all<8, 32>(x, w, y, first, last);
  vnni_all<8, 16>(x, w, y, first, last);
}

void avx2_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t first,
                std::int64_t last) {
  if (w.bits == 4) return avx2_all<4, 32>(x, w, y, first, last);
  if (w.group == 32) return avx2_all<8, 32>(x, w, y, first, last);
  avx2_all<8, 16>(x, w, y, first, last);
}

}  // namespace hocket::engine::kernels
#endif
