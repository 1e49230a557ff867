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
/// inputs, 6 and 7 weights.
struct alignas(64) shapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
  explicit shapes(std::int64_t inputs) {
    for (int i = 0; i < 8; ++i) {
      row_bytes[i] = 64;
      rows[i] = static_cast<std::uint8_t>(i < 6 ? inputs : side);
    }
  }
};

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

}  // namespace

HOCKET_AMX void infer_pairs_amx(const bf16* x, const bf16* packed, float* y, std::int64_t n,
                                std::int64_t in, std::int64_t out, std::int64_t first,
                                std::int64_t last) {
  const auto full = n / side * side;
  for (const auto& [begin, end] : {std::pair{std::int64_t{0}, full}, {full, n}}) {
    if (begin == end) continue;
    const shapes s(std::min(side, end - begin));
    // The compiler's own word for it tells that eight of these bytes are read (GCC 12).
    __asm__ volatile("ldtilecfg %0" : : "m"(s));
    for (auto t = first; t < last; ++t)
      rows_of_tile(x, packed + t * in * tile, y + t * tile, in, out, begin, end, out - t * tile);
  }
  _tile_release();
}

#else

bool has_tile_registers() { return false; }
void infer_pairs_amx(const bf16*, const bf16*, float*, std::int64_t, std::int64_t, std::int64_t,
                     std::int64_t, std::int64_t) {}

#endif

}  // namespace hocket::engine::kernels
