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
