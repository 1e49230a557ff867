#include "engine/transformer/grouped.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "engine/transformer/grouped_ways.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::kernels {

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u)  // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude < 0x400u) {  // zero and numbers below 2^-14: multiples of 2^-24
    const float value = static_cast<float>(magnitude) * 5.9604644775390625e-8f;
    return sign ? -value : value;
  }
  return __builtin_bit_cast(float, sign | ((magnitude << 13) + 0x38000000u));
}

std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const float magnitude = std::fabs(value);
  if (!(magnitude < 65520.0f)) return sign | (std::isnan(value) ? 0x7e00u : 0x7c00u);
  if (magnitude < 6.103515625e-5f)  // below 2^-14
    return sign | static_cast<std::uint16_t>(std::lrint(magnitude * 16777216.0f));
  const std::uint32_t m = __builtin_bit_cast(std::uint32_t, magnitude) - 0x38000000u;
  return sign | static_cast<std::uint16_t>((m + 0xfffu + ((m >> 13) & 1u)) >> 13);
}

grouped_weights pack_grouped(std::int64_t out, std::int64_t in, int bits, int group,
                             const std::function<void(std::int64_t, grouped_row&)>& read) {
  HOCKET_ASSERT((bits == 8 && (group == 16 || group == 32)) || (bits == 4 && group == 32));
  HOCKET_ASSERT(out > 0 && in > 0 && in % group == 0);
  grouped_weights w{out, in, bits, group, 0, {}};
  const std::int64_t groups = w.groups(), stride = w.group_bytes();
  w.size_bytes = w.tiles() * groups * stride;
  auto* data = static_cast<std::byte*>(::operator new (w.size_bytes, std::align_val_t{64}));
  w.data.reset(data, [](const std::byte* p) {
    ::operator delete (const_cast<std::byte*>(p), std::align_val_t{64});
  });
  std::memset(data, 0, w.size_bytes);
  grouped_row row;
  for (std::int64_t r = 0; r < out; ++r) {
    row.level.assign(in, 0), row.scale.assign(groups, 0), row.offset.assign(groups, 0);
    read(r, row);
    const std::int64_t lane = r % 64;
    for (std::int64_t g = 0; g < groups; ++g) {
      auto* at = reinterpret_cast<std::uint8_t*>(data + (r / 64 * groups + g) * stride);
      for (int i = 0; i < group; ++i) {
        const std::uint8_t level = row.level[g * group + i];
        const int quad = i / 4;
        const std::int64_t byte = lane * 4 + i % 4;  // of the 256 bytes of a quad
        if (bits == 8)
          at[quad * 256 + byte] = level;
        else
          at[quad / 2 * 256 + byte] |= static_cast<std::uint8_t>(level << (quad % 2 * 4));
      }
      auto* halves = reinterpret_cast<std::uint16_t*>(at + 64 * group * bits / 8);
      halves[lane] = float_to_half(row.scale[g]);
      halves[64 + lane] = float_to_half(row.offset[g]);
    }
  }
  return w;
}

grouped_input::grouped_input(const float* x, std::int64_t n, std::int64_t in, int group)
    : n_(n),
      in_(in),
      groups_(in / group),
      levels_(n * in),
      scales_(n * groups_),
      sums_(n * groups_) {
  for (std::int64_t i = 0; i < n * groups_; ++i) {
    const float* from = x + i * group;
    std::int8_t* to = levels_.data() + i * group;
    float largest = 0;
    for (int k = 0; k < group; ++k) largest = std::max(largest, std::fabs(from[k]));
    const float scale = largest / 127.0f, inverse = largest > 0 ? 127.0f / largest : 0.0f;
    std::int32_t sum = 0;
    for (int k = 0; k < group; ++k) {
      const auto level = static_cast<std::int32_t>(__builtin_rintf(from[k] * inverse));
      to[k] = static_cast<std::int8_t>(level);
      sum += level;
    }
    scales_[i] = scale;
    sums_[i] = scale * static_cast<float>(sum);
  }
}

grouped_way best_grouped_way() {
#if defined(__x86_64__)
  static const grouped_way way = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw"))
      return grouped_way::vnni;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c"))
      return grouped_way::avx2;
    return grouped_way::plain;
  }();
  return way;
#else
  return grouped_way::plain;
#endif
}

namespace {

/// One row of x against one tile, number by number: the reference of the other ways.
void plain_tile(const grouped_input& x, std::int64_t row, const grouped_weights& w,
                std::int64_t tile, float* y) {
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(w.data.get()) + tile * w.groups() * w.group_bytes();
  float sum[64] = {};
  for (std::int64_t g = 0; g < w.groups(); ++g, at += w.group_bytes()) {
    const std::int8_t* levels = x.levels(row) + g * w.group;
    const auto* halves = reinterpret_cast<const std::uint16_t*>(at + 64 * w.group * w.bits / 8);
    for (int lane = 0; lane < 64; ++lane) {
      std::int32_t dot = 0;
      for (int i = 0; i < w.group; ++i) {
        const int quad = i / 4, byte = lane * 4 + i % 4;
        const int level =
            w.bits == 8 ? at[quad * 256 + byte] : at[quad / 2 * 256 + byte] >> (quad % 2 * 4) & 15;
        dot += level * levels[i];
      }
      const float scale = half_to_float(halves[lane]) * x.scales(row)[g];
      sum[lane] = std::fma(static_cast<float>(dot), scale, sum[lane]);
      sum[lane] = std::fma(half_to_float(halves[64 + lane]), x.sums(row)[g], sum[lane]);
    }
  }
  const std::int64_t valid = std::min<std::int64_t>(64, w.out - tile * 64);
  std::memcpy(y + row * w.out + tile * 64, sum, valid * sizeof(float));
}

}  // namespace

void infer_grouped(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t first,
                   std::int64_t last, grouped_way way) {
#if defined(__x86_64__)
  if (way == grouped_way::vnni) return vnni_tiles(x, w, y, first, last);
  if (way == grouped_way::avx2) return avx2_tiles(x, w, y, first, last);
#endif
  for (std::int64_t t = first; t < last; ++t)
    for (std::int64_t r = 0; r < x.rows(); ++r) plain_tile(x, r, w, t, y);
}

}  // namespace hocket::engine::kernels
