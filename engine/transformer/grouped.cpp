#include "engine/transformer/grouped.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/grouped_ways.hpp"
#include "engine/transformer/simd.hpp"
#include "engine/transformer/weight_memory.hpp"
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

namespace {

/// Where level `i` of a lane lies among a group's bytes. Four neighbours of one lane are side by side;
/// a byte of the lower bits holds two such fours, one of the higher bits all of a group.
struct level_place {
  level_place(const group_shape& s, std::int64_t lane, int i) {
    const int four = i / 4;
    const std::int64_t byte = lane * 4 + i % 4;  // of 256
    low = s.bits == 8 ? four * 256 + byte : four / 2 * 256 + byte;
    low_shift = s.bits == 8 ? 0 : four % 2 * 4;
    high = 32 * s.group + byte;
    high_shift = four * (s.bits - 4);
  }
  std::int64_t low, high;
  int low_shift, high_shift;
};

int level_at(const std::uint8_t* group, const group_shape& s, std::int64_t lane, int i) {
  const level_place at(s, lane, i);
  if (s.bits == 8) return group[at.low];
  const int low = group[at.low] >> at.low_shift & 15;
  if (s.bits == 4) return low;
  return low | (group[at.high] >> at.high_shift & ((1 << (s.bits - 4)) - 1)) << 4;
}

void put_level(std::uint8_t* group, const group_shape& s, std::int64_t lane, int i, int level) {
  const level_place at(s, lane, i);
  if (s.bits == 8) {
    group[at.low] = static_cast<std::uint8_t>(level);
    return;
  }
  group[at.low] |= static_cast<std::uint8_t>((level & 15) << at.low_shift);
  if (s.bits > 4) group[at.high] |= static_cast<std::uint8_t>(level >> 4 << at.high_shift);
}

bool is_known(const group_shape& s) {
  const bool size = s.bits == 6 ? s.group == 16 : s.group == 32;
  return size && (s.bits == 4 || s.bits == 5 || s.bits == 6 || s.bits == 8) &&
         (!s.offsets || (s.zero == 0 && s.bits <= 5));
}

}  // namespace

grouped_weights pack_grouped(std::int64_t out, std::int64_t in, const group_shape& shape,
                             const std::function<void(std::int64_t, grouped_row&)>& read) {
  HOCKET_ASSERT(is_known(shape) && out > 0 && in > 0 && in % shape.group == 0);
  grouped_weights w{out, in, shape, 0, {}, {}};
  const std::int64_t groups = w.groups(), stride = w.group_bytes();
  w.size_bytes = w.tiles() * groups * stride;
  const auto memory = weight_memory(static_cast<std::size_t>(w.size_bytes));
  w.data = memory;
  auto* const data = memory.get();
  std::memset(data, 0, w.size_bytes);
  grouped_row row;
  for (std::int64_t r = 0; r < out; ++r) {
    row.level.assign(in, 0), row.scale.assign(groups, 0);
    row.offset.assign(shape.offsets ? groups : 0, 0);
    read(r, row);
    const std::int64_t lane = r % 64;
    for (std::int64_t g = 0; g < groups; ++g) {
      auto* at = reinterpret_cast<std::uint8_t*>(data + (r / 64 * groups + g) * stride);
      for (int i = 0; i < shape.group; ++i)
        put_level(at, shape, lane, i, row.level[g * shape.group + i]);
      auto* halves = reinterpret_cast<std::uint16_t*>(at + w.level_bytes());
      halves[lane] = float_to_half(row.scale[g]);
      if (shape.offsets) halves[64 + lane] = float_to_half(row.offset[g]);
    }
  }
  return w;
}

void read_grouped(const grouped_weights& w, std::int64_t row, float* into) {
  const std::int64_t lane = row % 64;
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(w.data.get()) + row / 64 * w.groups() * w.group_bytes();
  for (std::int64_t g = 0; g < w.groups(); ++g, at += w.group_bytes()) {
    const auto* halves = reinterpret_cast<const std::uint16_t*>(at + w.level_bytes());
    const float scale = half_to_float(halves[lane]);
    const float offset = w.shape.offsets ? half_to_float(halves[64 + lane]) : 0.0f;
    for (int i = 0; i < w.shape.group; ++i)
      *into++ = std::fma(scale, static_cast<float>(level_at(at, w.shape, lane, i) - w.shape.zero),
                         offset);
  }
}

namespace {

/// Groups of numbers as levels, scales and sums. Bits of floats without their sign have the order of
/// the numbers; in this form the loops vectorise.
template <int Group>
__attribute__((always_inline)) inline void quantise_groups(const float* x, std::int64_t groups,
                                                           std::int8_t* levels, float* scales,
                                                           std::int32_t* level_sums, float* sums) {
  for (std::int64_t i = 0; i < groups; ++i, x += Group, levels += Group) {
    std::int32_t greatest = 0;
    for (int k = 0; k < Group; ++k) {
      const std::int32_t bits = __builtin_bit_cast(std::int32_t, x[k]) & 0x7fffffff;
      greatest = greatest > bits ? greatest : bits;
    }
    const float largest = __builtin_bit_cast(float, greatest);
    // Below the least, 127 / largest would be infinite: such a group counts as zeros. Of numbers that
    // are none, nothing can be said: the scale carries that on.
    const bool finite = greatest < 0x7f800000;
    const float scale = finite ? largest / 127.0f : __builtin_nanf("");
    const float inverse = finite && largest > 1e-30f ? 127.0f / largest : 0.0f;
    std::int32_t sum = 0;
    for (int k = 0; k < Group; ++k) {
      const float wide = __builtin_rintf(x[k] * inverse);
      const float within = wide > -127.0f ? wide : -127.0f;  // NaN, too
      const auto level = static_cast<std::int32_t>(within < 127.0f ? within : 127.0f);
      levels[k] = static_cast<std::int8_t>(level);
      sum += level;
    }
    scales[i] = scale;
    level_sums[i] = sum;
    sums[i] = scale * static_cast<float>(sum);
  }
}

HOCKET_CLONES void quantise(const float* x, std::int64_t groups, int group, std::int8_t* levels,
                            float* scales, std::int32_t* level_sums, float* sums) {
  if (group == 16)
    quantise_groups<16>(x, groups, levels, scales, level_sums, sums);
  else
    quantise_groups<32>(x, groups, levels, scales, level_sums, sums);
}

}  // namespace

grouped_input::grouped_input(const float* x, std::int64_t n, std::int64_t in, int group)
    : n_(n),
      in_(in),
      groups_(in / group),
      levels_(n * in),
      level_sums_(n * groups_),
      scales_(n * groups_),
      sums_(n * groups_) {
  HOCKET_ASSERT(group == 16 || group == 32);
  quantise(x, n * groups_, group, levels_.data(), scales_.data(), level_sums_.data(), sums_.data());
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
                std::int64_t tile, float* y, std::int64_t stride) {
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(w.data.get()) + tile * w.groups() * w.group_bytes();
  float sum[64] = {};
  for (std::int64_t g = 0; g < w.groups(); ++g, at += w.group_bytes()) {
    const std::int8_t* levels = x.levels(row) + g * w.shape.group;
    const auto* halves = reinterpret_cast<const std::uint16_t*>(at + w.level_bytes());
    for (int lane = 0; lane < 64; ++lane) {
      std::int32_t dot = -w.shape.zero * x.level_sums(row)[g];
      for (int i = 0; i < w.shape.group; ++i) dot += level_at(at, w.shape, lane, i) * levels[i];
      const float scale = half_to_float(halves[lane]) * x.scales(row)[g];
      sum[lane] = std::fma(static_cast<float>(dot), scale, sum[lane]);
      if (w.shape.offsets)
        sum[lane] = std::fma(half_to_float(halves[64 + lane]), x.sums(row)[g], sum[lane]);
    }
  }
  const std::int64_t valid = std::min<std::int64_t>(64, w.out - tile * 64);
  std::memcpy(y + row * stride + tile * 64, sum, valid * sizeof(float));
}

}  // namespace

void infer_grouped(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                   std::int64_t first, std::int64_t last, grouped_way way) {
#if defined(__x86_64__)
  if (way == grouped_way::vnni) return vnni_tiles(x, w, y, stride, first, last);
  if (way == grouped_way::avx2) return avx2_tiles(x, w, y, stride, first, last);
#endif
  for (std::int64_t t = first; t < last; ++t)
    for (std::int64_t r = 0; r < x.rows(); ++r) plain_tile(x, r, w, t, y, stride);
}

}  // namespace hocket::engine::kernels
