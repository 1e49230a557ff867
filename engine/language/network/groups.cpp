#include "engine/language/network/groups.hpp"

#include <cmath>
#include <cstring>

#include "engine/language/files/dequantize.hpp"

namespace hocket::language {
namespace {

using engine::kernels::group_shape;
using bytes_in = const std::uint8_t*;

std::uint16_t word_at(bytes_in at) {
  std::uint16_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
float half_at(bytes_in at) { return float_of_half(word_at(at)); }

/// Where a block's levels, scales and offsets go.
struct block_out {
  std::uint8_t* level;
  float *scale, *offset;  ///< no offsets where the shape has none
};

/// 32 numbers in 16 bytes: lower halves first, then upper halves.
void nibbles(bytes_in from, std::uint8_t* level) {
  for (int j = 0; j < 16; ++j) level[j] = from[j] & 15, level[j + 16] = from[j] >> 4;
}
/// The fifth bits of 32 numbers, in one word.
void fifth_bits(bytes_in from, std::uint8_t* level) {
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  for (int j = 0; j < 32; ++j) level[j] |= (word >> j & 1) << 4;
}

void q8_0(bytes_in b, const block_out& to) {
  to.scale[0] = half_at(b);
  for (int j = 0; j < 32; ++j) to.level[j] = static_cast<std::uint8_t>(b[2 + j] + 128);
}
void q4_0(bytes_in b, const block_out& to) {
  to.scale[0] = half_at(b);
  nibbles(b + 2, to.level);
}
void q4_1(bytes_in b, const block_out& to) {
  to.scale[0] = half_at(b), to.offset[0] = half_at(b + 2);
  nibbles(b + 4, to.level);
}
void q5_0(bytes_in b, const block_out& to) {
  to.scale[0] = half_at(b);
  nibbles(b + 6, to.level), fifth_bits(b + 2, to.level);
}
void q5_1(bytes_in b, const block_out& to) {
  to.scale[0] = half_at(b), to.offset[0] = half_at(b + 2);
  nibbles(b + 8, to.level), fifth_bits(b + 4, to.level);
}

/// Q4_K and Q5_K: eight groups of 32 with scales and minima of six bits in twelve bytes.
void k_scales(bytes_in b, const block_out& to) {
  const float d = half_at(b), lowest = half_at(b + 2);
  const bytes_in s = b + 4;
  for (int j = 0; j < 8; ++j) {
    const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    const int low = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    to.scale[j] = d * static_cast<float>(scale);
    to.offset[j] = -lowest * static_cast<float>(low);
  }
}
void q4_k(bytes_in b, const block_out& to) {
  k_scales(b, to);
  for (int i = 0; i < 256; ++i) {
    const auto packed = b[16 + i / 64 * 32 + i % 32];
    to.level[i] = i / 32 % 2 == 0 ? packed & 15 : packed >> 4;
  }
}
void q5_k(bytes_in b, const block_out& to) {
  k_scales(b, to);
  for (int i = 0; i < 256; ++i) {
    const auto packed = b[48 + i / 64 * 32 + i % 32];
    const int low = i / 32 % 2 == 0 ? packed & 15 : packed >> 4;
    to.level[i] = static_cast<std::uint8_t>(low | (b[16 + i % 32] >> (i / 32) & 1) << 4);
  }
}
void q6_k(bytes_in b, const block_out& to) {
  const float d = half_at(b + 208);
  for (int s = 0; s < 16; ++s) {
    to.scale[s] = d * static_cast<float>(static_cast<std::int8_t>(b[192 + s]));
  }
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, at = i % 128, l = at % 32;
    const auto packed = b[part * 64 + at % 64];
    const int low = at < 64 ? packed & 15 : packed >> 4;
    const int high = b[128 + part * 32 + l] >> (at / 32 * 2) & 3;
    to.level[i] = static_cast<std::uint8_t>(low | high << 4);
  }
}
/// Values 0, 0.5, 1, 1.5, 2, 3, 4, 6 of either sign, times a power of two: even steps of a half.
void mxfp4(bytes_in b, const block_out& to) {
  static constexpr std::uint8_t steps[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                             12, 11, 10, 9,  8,  6,  4,  0};
  to.scale[0] = std::ldexp(0.5f, b[0] - 127);
  nibbles(b + 1, to.level);
  bool zeros = true;
  for (int j = 0; j < 32; ++j) zeros &= (to.level[j] = steps[to.level[j]]) == steps[0];
  if (zeros) to.scale[0] = 1;  // any does, and a half holds this one
}

struct block_type {
  tensor_type type;
  group_shape shape;
  void (*read)(bytes_in, const block_out&);
};
constexpr block_type types[] = {
    {tensor_type::q8_0, {8, 32, 128, false}, q8_0}, {tensor_type::q4_0, {4, 32, 8, false}, q4_0},
    {tensor_type::q4_1, {4, 32, 0, true}, q4_1},    {tensor_type::q5_0, {5, 32, 16, false}, q5_0},
    {tensor_type::q5_1, {5, 32, 0, true}, q5_1},    {tensor_type::q4_k, {4, 32, 0, true}, q4_k},
    {tensor_type::q5_k, {5, 32, 0, true}, q5_k},    {tensor_type::q6_k, {6, 16, 32, false}, q6_k},
    {tensor_type::mxfp4, {5, 32, 12, false}, mxfp4}};

const block_type* find(tensor_type type) {
  for (const auto& t : types)
    if (t.type == type) return &t;
  return nullptr;
}

}  // namespace

std::optional<group_shape> groups_of(tensor_type type) {
  const auto* found = find(type);
  return found ? std::optional(found->shape) : std::nullopt;
}

bool read_groups(tensor_type type, std::span<const std::byte> row,
                 engine::kernels::grouped_row& into) {
  const auto* known = find(type);
  if (!known) return false;
  const auto& traits = traits_of(type);
  const auto groups = traits.elements / static_cast<std::size_t>(known->shape.group);
  for (std::size_t i = 0; (i + 1) * traits.bytes <= row.size(); ++i)
    known->read(reinterpret_cast<bytes_in>(row.data() + i * traits.bytes),
                {into.level.data() + i * traits.elements, into.scale.data() + i * groups,
                 known->shape.offsets ? into.offset.data() + i * groups : nullptr});
  for (const float offset : into.offset)
    if (!(std::fabs(offset) <= 65504.0f)) return false;
  for (const float number : into.scale) {
    const float scale = std::fabs(number);
    if (!(scale <= 65504.0f)) return false;
    // Powers of two are exact as halves down to 2^-24, the smallest of all.
    if (type == tensor_type::mxfp4 && scale < 5.9e-8f) return false;
  }
  return true;
}

}  // namespace hocket::language
