// Groups of every block type are the numbers that `dequantize` gives.
#include "engine/language/network/groups.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "engine/language/files/dequantize.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;
using hocket::engine::kernels::grouped_row;

TEST_CASE("a block is its levels times its scales plus its offsets") {
  std::mt19937 random(11);
  for (const auto type : {tensor_type::q8_0, tensor_type::q4_0, tensor_type::q4_1,
                          tensor_type::q5_0, tensor_type::q5_1, tensor_type::q4_k,
                          tensor_type::q5_k, tensor_type::q6_k, tensor_type::mxfp4}) {
    const auto& traits = traits_of(type);
    CAPTURE(traits.name);
    const auto shape = groups_of(type);
    REQUIRE(shape);
    std::size_t checked = 0;
    for (int round = 0; round < 200; ++round) {
      std::vector<std::byte> bytes(2 * traits.bytes);
      for (auto& b : bytes) b = static_cast<std::byte>(random());
      std::vector<float> want(2 * traits.elements);
      REQUIRE(dequantize(type, bytes, want));
      grouped_row row;
      row.level.resize(want.size());
      row.scale.resize(want.size() / shape->group),
          row.offset.resize(shape->offsets ? row.scale.size() : 0);
      if (!read_groups(type, bytes, row)) continue;  // a scale that no half holds
      for (std::size_t i = 0; i < want.size(); ++i) {
        const float scale = row.scale[i / shape->group];
        const float offset = shape->offsets ? row.offset[i / shape->group]
                                            : -static_cast<float>(shape->zero) * scale;
        if (!std::isfinite(scale) || !std::isfinite(offset)) continue;
        CHECK(row.level[i] < 1 << shape->bits);
        const float size = std::fabs(scale * row.level[i]) + std::fabs(offset);
        if (!(std::fabs(scale * row.level[i] + offset - want[i]) <= 1e-6f * size)) {
          CAPTURE(i);
          CHECK(scale * row.level[i] + offset == want[i]);
        }
        ++checked;
      }
    }
    CHECK(checked > 100);
  }
  CHECK(!groups_of(tensor_type::f32));
}

TEST_CASE("MXFP4: small scales and blocks of zeros are kept as halves, smaller ones are refused") {
  constexpr auto type = tensor_type::mxfp4;
  const auto size = traits_of(type).bytes;
  const auto kept = [&](int first, int second) {
    std::vector<std::byte> bytes(2 * size);
    bytes[0] = std::byte(first);
    for (std::size_t i = 1; i < size; ++i) bytes[i] = std::byte(i * 37);
    bytes[size] = std::byte(second);
    bytes[size + 3] = std::byte{0x80};  // a zero below zero
    std::vector<float> want(64), got(64);
    REQUIRE(dequantize(type, bytes, want));
    bool fits = true;
    const auto packed = hocket::engine::kernels::pack_grouped(
        1, 64, *groups_of(type),
        [&](std::int64_t, grouped_row& row) { fits = read_groups(type, bytes, row); });
    if (!fits) return false;
    hocket::engine::kernels::read_grouped(packed, 0, got.data());
    CHECK(got == want);
    return true;
  };
  for (const int zeros : {0, 110, 127, 254}) CHECK(kept(127, zeros));
  for (const int first : {104, 110, 113, 143}) CHECK(kept(first, 0));
  for (const int first : {0, 103, 144, 254}) CHECK(!kept(first, 0));
}
