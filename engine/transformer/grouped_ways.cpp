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

/// A group's layout as numbers that the compiler knows.
template <int Bits, bool Offsets>
struct layout {
  static constexpr int group = Bits == 6 ? 16 : 32;
  static constexpr int fours = group / 4;
  static constexpr int low_bytes = Bits == 8 ? 64 * group : 32 * group;
  static constexpr int level_bytes = 64 * group * Bits / 8;
  static constexpr int bytes = level_bytes + (Offsets ? 256 : 128);
};

inline int four_of(const std::int8_t* levels) {
  int four;
  std::memcpy(&four, levels, 4);
  return four;
}

/// Bits 4 and 5 of four number `Four`'s levels, from the bytes that hold those of all fours.
template <int Bits, int Four>
HOCKET_VNNI inline __m512i with_high(__m512i low, __m512i high) {
  if constexpr (Bits == 4 || Bits == 8) {
    return low;
  } else {
    constexpr int from = Four * (Bits - 4);
    if constexpr (from < 4)
      high = _mm512_slli_epi16(high, 4 - from);
    else if constexpr (from > 4)
      high = _mm512_srli_epi16(high, from - 4);
    const __m512i mask = _mm512_set1_epi8(Bits == 5 ? 16 : 48);
    return _mm512_ternarylogic_epi32(low, high, mask, 0xf8);  // low | (high & mask)
  }
}

/// What two neighbouring fours add to the dot products of 16 outputs, for each row.
template <int Bits, int Pair, int Rows>
HOCKET_VNNI inline void add_pair(const std::uint8_t* at, __m512i high,
                                 const std::int8_t* const (&x)[Rows], __m512i (&dot)[Rows]) {
  __m512i first, second;
  if constexpr (Bits == 8) {
    first = _mm512_load_si512(at + 2 * Pair * 256);
    second = _mm512_load_si512(at + (2 * Pair + 1) * 256);
  } else {
    const __m512i both = _mm512_load_si512(at + Pair * 256), low = _mm512_set1_epi8(15);
    first = with_high<Bits, 2 * Pair>(_mm512_and_si512(both, low), high);
    second = with_high<Bits, 2 * Pair + 1>(_mm512_and_si512(_mm512_srli_epi16(both, 4), low), high);
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
    dot[r] = _mm512_dpbusd_epi32(dot[r], first, _mm512_set1_epi32(four_of(x[r] + 8 * Pair)));
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
    dot[r] = _mm512_dpbusd_epi32(dot[r], second, _mm512_set1_epi32(four_of(x[r] + 8 * Pair + 4)));
}

/// What a group's whole numbers add to the sums of 16 outputs, for each row.
template <int Bits, bool Offsets, int Rows>
HOCKET_VNNI inline void add_group(const grouped_input& x, std::int64_t row, std::int64_t g,
                                  const std::uint8_t* halves, const __m512i (&dot)[Rows],
                                  __m512 (&sum)[Rows][4], int s) {
  const __m512 scale = _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves)));
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(x.scales(row + r)[g]));
    sum[r][s] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r]), both, sum[r][s]);
  }
  if constexpr (Offsets) {
    const __m512 offset =
        _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves + 128)));
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
      sum[r][s] = _mm512_fmadd_ps(offset, _mm512_set1_ps(x.sums(row + r)[g]), sum[r][s]);
  }
}

/// The same pair of fours of all 64 outputs: one or two rows read the weights as they lie, which is what
/// the processor reads ahead.
template <int Bits, int Pair, int Rows>
HOCKET_VNNI inline void add_pair_of_all(const std::uint8_t* at, const __m512i (&high)[4],
                                        const std::int8_t* const (&x)[Rows],
                                        __m512i (&dot)[4][Rows]) {
  constexpr int ahead = 4096, bytes = Bits == 8 ? 512 : 256;
#pragma GCC unroll 8
  for (int line = 0; line < bytes; line += 64)
    _mm_prefetch(reinterpret_cast<const char*>(at) + Pair * bytes + line + ahead, _MM_HINT_T0);
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) add_pair<Bits, Pair, Rows>(at + s * 64, high[s], x, dot[s]);
}

/// Rows of x against 64 outputs. The float sums stay in registers over all groups.
template <int Bits, bool Offsets, int Rows>
HOCKET_VNNI inline void vnni_block(const grouped_input& x, std::int64_t row, const std::uint8_t* at,
                                   std::int64_t groups, int zero, __m512 (&sum)[Rows][4]) {
  using l = layout<Bits, Offsets>;
  const std::int8_t* from[Rows];
  for (int r = 0; r < Rows; ++r) from[r] = x.levels(row + r);
  for (std::int64_t g = 0; g < groups; ++g, at += l::bytes) {
    const std::int8_t* levels[Rows];
    __m512i start[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      levels[r] = from[r] + g * l::group;
      start[r] = _mm512_set1_epi32(Offsets ? 0 : -zero * x.level_sums(row + r)[g]);
    }
    if constexpr (Rows <= 2) {
      __m512i dot[4][Rows], high[4] = {};
#pragma GCC unroll 4
      for (int s = 0; s < 4; ++s) {
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) dot[s][r] = start[r];
        if constexpr (Bits == 5 || Bits == 6)
          high[s] = _mm512_load_si512(at + l::low_bytes + s * 64);
      }
      add_pair_of_all<Bits, 0, Rows>(at, high, levels, dot);
      add_pair_of_all<Bits, 1, Rows>(at, high, levels, dot);
      if constexpr (l::fours == 8) {
        add_pair_of_all<Bits, 2, Rows>(at, high, levels, dot);
        add_pair_of_all<Bits, 3, Rows>(at, high, levels, dot);
      }
#pragma GCC unroll 4
      for (int s = 0; s < 4; ++s)
        add_group<Bits, Offsets, Rows>(x, row, g, at + l::level_bytes + s * 32, dot[s], sum, s);
      continue;
    }
    _mm_prefetch(reinterpret_cast<const char*>(at) + 4096, _MM_HINT_T0);
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      __m512i dot[Rows];
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) dot[r] = start[r];
      __m512i high{};
      if constexpr (Bits == 5 || Bits == 6) high = _mm512_load_si512(at + l::low_bytes + s * 64);
      add_pair<Bits, 0, Rows>(at + s * 64, high, levels, dot);
      add_pair<Bits, 1, Rows>(at + s * 64, high, levels, dot);
      if constexpr (l::fours == 8) {
        add_pair<Bits, 2, Rows>(at + s * 64, high, levels, dot);
        add_pair<Bits, 3, Rows>(at + s * 64, high, levels, dot);
      }
      add_group<Bits, Offsets, Rows>(x, row, g, at + l::level_bytes + s * 32, dot, sum, s);
    }
  }
}

template <int Bits, bool Offsets, int Rows>
HOCKET_VNNI inline void vnni_rows(const grouped_input& x, std::int64_t row,
                                  const grouped_weights& w, std::int64_t tile, float* y,
                                  std::int64_t stride) {
  __m512 sum[Rows][4];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) sum[r][s] = _mm512_setzero_ps();
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(w.data.get()) + tile * w.groups() * w.group_bytes();
  vnni_block<Bits, Offsets, Rows>(x, row, at, w.groups(), w.shape.zero, sum);
  const std::int64_t valid = std::min<std::int64_t>(64, w.out - tile * 64);
  for (int r = 0; r < Rows; ++r)
    std::memcpy(y + (row + r) * stride + tile * 64, sum[r], valid * sizeof(float));
}

template <int Bits, bool Offsets>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void vnni_all(
    const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
    std::int64_t first, std::int64_t last) {
  for (std::int64_t t = first; t < last; ++t) {
    std::int64_t row = 0;
    for (; row + 4 <= x.rows(); row += 4) vnni_rows<Bits, Offsets, 4>(x, row, w, t, y, stride);
    if (row + 2 <= x.rows()) vnni_rows<Bits, Offsets, 2>(x, row, w, t, y, stride), row += 2;
    if (row < x.rows()) vnni_rows<Bits, Offsets, 1>(x, row, w, t, y, stride);
  }
}

HOCKET_AVX2 inline __m256i load_256(const std::uint8_t* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

/// Sum of products of unsigned and signed bytes in fours; `w` below 16, so that nothing saturates.
HOCKET_AVX2 inline __m256i fours(__m256i w, __m256i x) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

/// Bits 4 and 5 of four number `four`'s levels, as numbers below 4.
template <int Bits>
HOCKET_AVX2 inline __m256i high_of(__m256i high, int four) {
  const __m256i mask = _mm256_set1_epi8(Bits == 5 ? 1 : 3);
  return _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(four * (Bits - 4))), mask);
}

/// One row of x against 8 outputs of a tile.
template <int Bits, bool Offsets>
HOCKET_AVX2 inline __m256 avx2_lanes(const grouped_input& x, std::int64_t row,
                                     const std::uint8_t* at, std::int64_t groups, int zero,
                                     int lanes) {
  using l = layout<Bits, Offsets>;
  const __m256i low = _mm256_set1_epi8(15);
  __m256 sum = _mm256_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g, at += l::bytes) {
    const std::int8_t* levels = x.levels(row) + g * l::group;
    __m256i dot = _mm256_set1_epi32(Offsets ? 0 : -zero * x.level_sums(row)[g]);
    __m256i upper = _mm256_setzero_si256(), high = upper;  // a level is 16 times its upper part ...
    if constexpr (Bits == 5 || Bits == 6) high = load_256(at + l::low_bytes + lanes * 4);
    for (int four = 0; four < l::fours; ++four) {
      const __m256i of_x = _mm256_set1_epi32(four_of(levels + four * 4));
      const __m256i both = load_256(at + (Bits == 8 ? four : four / 2) * 256 + lanes * 4);
      const __m256i raised = _mm256_srli_epi16(both, 4);
      const bool second = Bits != 8 && four % 2 == 1;
      dot = _mm256_add_epi32(dot, fours(_mm256_and_si256(second ? raised : both, low), of_x));
      if constexpr (Bits == 8)
        upper = _mm256_add_epi32(upper, fours(_mm256_and_si256(raised, low), of_x));
      else if constexpr (Bits > 4)
        upper = _mm256_add_epi32(upper, fours(high_of<Bits>(high, four), of_x));
    }
    dot = _mm256_add_epi32(dot, _mm256_slli_epi32(upper, 4));  // ... and its lower part
    const auto* halves = at + l::level_bytes + lanes * 2;
    const __m256 scale = _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
    const __m256 scaled = _mm256_mul_ps(scale, _mm256_set1_ps(x.scales(row)[g]));
    sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scaled, sum);
    if constexpr (Offsets) {
      const __m256 offset =
          _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves + 128)));
      sum = _mm256_fmadd_ps(offset, _mm256_set1_ps(x.sums(row)[g]), sum);
    }
  }
  return sum;
}

template <int Bits, bool Offsets>
__attribute__((target("avx2,fma,f16c"))) void avx2_all(const grouped_input& x,
                                                       const grouped_weights& w, float* y,
                                                       std::int64_t stride, std::int64_t first,
                                                       std::int64_t last) {
  for (std::int64_t t = first; t < last; ++t) {
    const auto* at =
        reinterpret_cast<const std::uint8_t*>(w.data.get()) + t * w.groups() * w.group_bytes();
    const std::int64_t valid = std::min<std::int64_t>(64, w.out - t * 64);
    for (std::int64_t row = 0; row < x.rows(); ++row)
      for (int lanes = 0; lanes < valid; lanes += 8) {
        const __m256 sum = avx2_lanes<Bits, Offsets>(x, row, at, w.groups(), w.shape.zero, lanes);
        std::memcpy(y + row * stride + t * 64 + lanes, &sum,
                    std::min<std::int64_t>(8, valid - lanes) * sizeof(float));
      }
  }
}

using way = void (*)(const grouped_input&, const grouped_weights&, float*, std::int64_t,
                     std::int64_t, std::int64_t);
struct ways_of_shape {
  int bits;
  bool offsets;
  way vnni, avx2;
};
constexpr ways_of_shape all_ways[] = {{4, false, vnni_all<4, false>, avx2_all<4, false>},
                                      {4, true, vnni_all<4, true>, avx2_all<4, true>},
                                      {5, false, vnni_all<5, false>, avx2_all<5, false>},
                                      {5, true, vnni_all<5, true>, avx2_all<5, true>},
                                      {6, false, vnni_all<6, false>, avx2_all<6, false>},
                                      {8, false, vnni_all<8, false>, avx2_all<8, false>}};

const ways_of_shape& ways_of(const group_shape& s) {
  for (const auto& w : all_ways)
    if (w.bits == s.bits && w.offsets == s.offsets) return w;
  __builtin_trap();  // pack_grouped makes no other
}

}  // namespace

void vnni_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                std::int64_t first, std::int64_t last) {
  ways_of(w.shape).vnni(x, w, y, stride, first, last);
}

void avx2_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                std::int64_t first, std::int64_t last) {
  ways_of(w.shape).avx2(x, w, y, stride, first, last);
}

}  // namespace hocket::engine::kernels
#endif
