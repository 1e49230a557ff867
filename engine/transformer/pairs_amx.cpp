#include "engine/transformer/pairs_amx.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#if defined(__x86_64__) && defined(__linux__)
#define HOCKET_AMX __attribute__((target("avx512f,amx-tile,amx-bf16")))
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hocket::engine::kernels {

#if defined(HOCKET_AMX)

bool has_tile_registers() {
  // Linux gives the state of tile registers to processes that ask for it (arch_prctl(2)).
  static const bool granted = [] {
    constexpr int request_permission = 0x1023, tile_data = 18;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("amx-tile") &&
           __builtin_cpu_supports("amx-bf16") &&
           ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  }();
  return granted;
}

namespace {

constexpr std::int64_t tile = 64;       // outputs whose weights lie together
constexpr std::int64_t side = 16;       // rows of a register
constexpr std::int64_t step = 32;       // numbers of a row of a register
constexpr std::int64_t stride_w = 256;  // bytes of a pair of inputs for all outputs of a tile

/// How many rows of how many bytes each register has (Intel's manual, LDTILECFG): 0 to 3 sums, 4 and 5
/// inputs of so many rows and pairs, 6 and 7 weights.
struct alignas(64) shapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
  explicit shapes(std::int64_t inputs, std::int64_t pairs = side) {
    for (int i = 0; i < 8; ++i) {
      row_bytes[i] = static_cast<std::uint16_t>(i == 4 || i == 5 ? pairs * 4 : 64);
      rows[i] = static_cast<std::uint8_t>(i < 6 ? inputs : pairs);
    }
  }
};

/// The compiler's own word for it tells that eight of these bytes are read (GCC 12).
#define HOCKET_LOAD_SHAPES(s) __asm__ volatile("ldtilecfg %0" : : "m"(s))

/// 32 rows times 32 outputs.
HOCKET_AMX void square(const bf16* x, const bf16* w, float* y, std::int64_t in,
                       std::int64_t row_y) {
  const auto row_x = in * 2;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t k = 0; k < in; k += step) {
    _tile_loadd(4, x + k, row_x);
    _tile_loadd(6, w + k * tile, stride_w);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + k * tile + 2 * side, stride_w);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, x + side * in + k, row_x);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, y, row_y * 4);
  _tile_stored(1, y + side, row_y * 4);
  _tile_stored(2, y + side * row_y, row_y * 4);
  _tile_stored(3, y + side * row_y + side, row_y * 4);
}

/// As many rows as the shapes say times 64 outputs.
HOCKET_AMX void strip(const bf16* x, const bf16* w, float* y, std::int64_t in, std::int64_t row_y) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t k = 0; k < in; k += step) {
    const bf16* at = w + k * tile;
    _tile_loadd(4, x + k, in * 2);
    _tile_loadd(6, at, stride_w);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, at + 2 * side, stride_w);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(6, at + 4 * side, stride_w);
    _tile_dpbf16ps(2, 4, 6);
    _tile_loadd(7, at + 6 * side, stride_w);
    _tile_dpbf16ps(3, 4, 7);
  }
  _tile_stored(0, y, row_y * 4);
  _tile_stored(1, y + side, row_y * 4);
  _tile_stored(2, y + 2 * side, row_y * 4);
  _tile_stored(3, y + 3 * side, row_y * 4);
}

/// Rows begin to end - 1 of one tile, whose last outputs may be nobody's.
HOCKET_AMX void rows_of_tile(const bf16* x, const bf16* w, float* y, std::int64_t in,
                             std::int64_t out, std::int64_t begin, std::int64_t end,
                             std::int64_t valid) {
  alignas(64) float whole[2 * side * tile];
  while (begin < end) {
    const auto rows = std::min(end - begin >= 2 * side ? 2 * side : side, end - begin);
    float* to = valid >= tile ? y + begin * out : whole;
    const auto row_y = valid >= tile ? out : tile;
    if (rows == 2 * side) {
      square(x + begin * in, w, to, in, row_y);
      square(x + begin * in, w + 2 * 2 * side, to + 2 * side, in, row_y);
    } else {
      strip(x + begin * in, w, to, in, row_y);
    }
    if (valid < tile)
      for (std::int64_t r = 0; r < rows; ++r)
        std::memcpy(y + (begin + r) * out, whole + r * tile,
                    static_cast<std::size_t>(valid) * sizeof(float));
    begin += rows;
  }
}

/// Operands of gemm_pairs, with strides in elements.
struct product {
  const bf16* a;
  std::int64_t lda;
  const bf16* b;
  std::int64_t ldb;
  float* c;
  std::int64_t ldc;
};

/// Two registers' rows (or one's) times the outputs of two (or one), for pairs that the shapes say.
template <bool TwoRows, bool TwoColumns>
HOCKET_AMX void corner(const product& p, std::int64_t i, std::int64_t j, std::int64_t first,
                       std::int64_t last, bool accumulate) {
  float* c = p.c + i * p.ldc + j;
  const std::int64_t row_a = p.lda * 2, row_b = p.ldb * 4, row_c = p.ldc * 4;
  if (accumulate) {
    _tile_loadd(0, c, row_c);
    if constexpr (TwoColumns) _tile_loadd(1, c + side, row_c);
    if constexpr (TwoRows) _tile_loadd(2, c + side * p.ldc, row_c);
    if constexpr (TwoRows && TwoColumns) _tile_loadd(3, c + side * p.ldc + side, row_c);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (auto k = first; k < last; k += step) {
    const bf16* a = p.a + i * p.lda + k;
    const bf16* b = p.b + k * p.ldb + j * 2;
    _tile_loadd(4, a, row_a);
    _tile_loadd(6, b, row_b);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (TwoColumns) {
      _tile_loadd(7, b + 2 * side, row_b);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (TwoRows) {
      _tile_loadd(5, a + side * p.lda, row_a);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (TwoColumns) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, row_c);
  if constexpr (TwoColumns) _tile_stored(1, c + side, row_c);
  if constexpr (TwoRows) _tile_stored(2, c + side * p.ldc, row_c);
  if constexpr (TwoRows && TwoColumns) _tile_stored(3, c + side * p.ldc + side, row_c);
}

/// Rows begin to end - 1 of all columns. A last register of columns is one alone where n is odd times 16.
HOCKET_AMX void band(const product& p, std::int64_t begin, std::int64_t end, std::int64_t n,
                     std::int64_t first, std::int64_t last, bool accumulate) {
  for (std::int64_t j = 0; j < n; j += 2 * side) {
    const bool two = j + 2 * side <= n;
    auto i = begin;
    for (; i + 2 * side <= end; i += 2 * side)
      two ? corner<true, true>(p, i, j, first, last, accumulate)
          : corner<true, false>(p, i, j, first, last, accumulate);
    if (i < end)
      two ? corner<false, true>(p, i, j, first, last, accumulate)
          : corner<false, false>(p, i, j, first, last, accumulate);
  }
}

}  // namespace

HOCKET_AMX void gemm_pairs_amx(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb,
                               float* c, std::int64_t ldc, std::int64_t m, std::int64_t n,
                               std::int64_t k, bool accumulate) {
  const product p{a, lda, b, ldb, c, ldc};
  const auto full_rows = m / side * side, full_k = k / step * step;
  for (const auto& [first, last] : {std::pair{std::int64_t{0}, full_k}, {full_k, k}}) {
    if (first == last) continue;
    for (const auto& [begin, end] : {std::pair{std::int64_t{0}, full_rows}, {full_rows, m}}) {
      if (begin == end) continue;
      const shapes s(std::min(side, end - begin), std::min(step, last - first) / 2);
      HOCKET_LOAD_SHAPES(s);
      band(p, begin, end, n, first, last, accumulate || first > 0);
    }
  }
  _tile_release();
}

HOCKET_AMX void infer_pairs_amx(const bf16* x, const bf16* packed, float* y, std::int64_t n,
                                std::int64_t in, std::int64_t out, std::int64_t first,
                                std::int64_t last) {
  const auto full = n / side * side;
  for (const auto& [begin, end] : {std::pair{std::int64_t{0}, full}, {full, n}}) {
    if (begin == end) continue;
    const shapes s(std::min(side, end - begin));
    HOCKET_LOAD_SHAPES(s);
    for (auto t = first; t < last; ++t)
      rows_of_tile(x, packed + t * in * tile, y + t * tile, in, out, begin, end, out - t * tile);
  }
  _tile_release();
}

#else

bool has_tile_registers() { return false; }
void infer_pairs_amx(const bf16*, const bf16*, float*, std::int64_t, std::int64_t, std::int64_t,
                     std::int64_t, std::int64_t) {}
void gemm_pairs_amx(const bf16*, std::int64_t, const bf16*, std::int64_t, float*, std::int64_t,
                    std::int64_t, std::int64_t, std::int64_t, bool) {}

#endif

}  // namespace hocket::engine::kernels
