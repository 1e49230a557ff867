// Matrix product of bfloat16 with fp32 sums for small tiles, B packed in pairs of rows.
#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/pairs_amx.hpp"

namespace hocket::engine::kernels {
namespace {

void portable(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
              std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  for (std::int64_t i = 0; i < m; ++i) {
    float* row = c + i * ldc;
    if (!accumulate) std::fill_n(row, n, 0.0f);
    for (std::int64_t p = 0; p < k; p += 2) {
      const float a0 = to_float(a[i * lda + p]), a1 = to_float(a[i * lda + p + 1]);
      const bf16* pair = b + p * ldb;
      for (std::int64_t j = 0; j < n; ++j)
        row[j] += a0 * to_float(pair[2 * j]) + a1 * to_float(pair[2 * j + 1]);
    }
  }
}

#if defined(__x86_64__)
#define HOCKET_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

template <int Rows, int Vectors>
HOCKET_BF16 void block(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                       std::int64_t ldc, std::int64_t k, bool accumulate) {
  __m512 sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v)
      sum[r][v] = accumulate ? _mm512_loadu_ps(c + r * ldc + v * 16) : _mm512_setzero_ps();
  for (std::int64_t p = 0; p < k; p += 2) {
    __m512bh right[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) right[v] = (__m512bh)_mm512_loadu_si512(b + p * ldb + v * 32);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      int word;
      __builtin_memcpy(&word, a + r * lda + p, 4);
      const __m512bh left = (__m512bh)_mm512_set1_epi32(word);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], left, right[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) _mm512_storeu_ps(c + r * ldc + v * 16, sum[r][v]);
}

template <int Vectors>
HOCKET_BF16 void columns(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                         std::int64_t ldc, std::int64_t m, std::int64_t k, bool accumulate) {
  std::int64_t i = 0;
  for (; i + 6 <= m; i += 6)
    block<6, Vectors>(a + i * lda, lda, b, ldb, c + i * ldc, ldc, k, accumulate);
  for (; i + 2 <= m; i += 2)
    block<2, Vectors>(a + i * lda, lda, b, ldb, c + i * ldc, ldc, k, accumulate);
  for (; i < m; ++i) block<1, Vectors>(a + i * lda, lda, b, ldb, c + i * ldc, ldc, k, accumulate);
}

HOCKET_BF16 void native(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                        std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k,
                        bool accumulate) {
  std::int64_t j = 0;
  for (; j + 64 <= n; j += 64) columns<4>(a, lda, b + 2 * j, ldb, c + j, ldc, m, k, accumulate);
  for (; j < n; j += 16) columns<1>(a, lda, b + 2 * j, ldb, c + j, ldc, m, k, accumulate);
}
#endif

}  // namespace

bool has_native_bf16() {
#if defined(__x86_64__)
  static const bool yes =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw");
  return yes;
#else
  return false;
#endif
}

void gemm_pairs(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  if (has_tile_registers()) return gemm_pairs_amx(a, lda, b, ldb, c, ldc, m, n, k, accumulate);
#if defined(__x86_64__)
  if (has_native_bf16()) return native(a, lda, b, ldb, c, ldc, m, n, k, accumulate);
#endif
  portable(a, lda, b, ldb, c, ldc, m, n, k, accumulate);
}

}  // namespace hocket::engine::kernels
