// Products with grouped weights: near the exact ones, and the same bits on every way and in any batch.
#include "engine/transformer/grouped.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::engine::kernels;

namespace {

struct layer {
  grouped_weights packed;
  std::vector<float> exact;  ///< [out, in], with scales as halves
};

constexpr group_shape shapes[] = {{4, 32, 8, false}, {4, 32, 0, true},   {5, 32, 16, false},
                                  {5, 32, 0, true},  {6, 16, 32, false}, {8, 32, 128, false},
                                  {5, 32, 12, false}};

layer make(std::int64_t out, std::int64_t in, const group_shape& s) {
  std::mt19937 random(static_cast<unsigned>(out * in + s.bits + s.group + s.zero));
  layer l;
  l.packed = pack_grouped(out, in, s, [&](std::int64_t, grouped_row& row) {
    for (auto& level : row.level) level = static_cast<std::uint8_t>(random() % (1u << s.bits));
    for (auto& scale : row.scale)
      scale = half_to_float(float_to_half(0.01f + 0.001f * (random() % 64)));
    for (auto& offset : row.offset) offset = half_to_float(float_to_half(-0.1f * (random() % 16)));
    for (std::int64_t i = 0; i < in; ++i)
      l.exact.push_back(row.scale[i / s.group] * static_cast<float>(row.level[i] - s.zero) +
                        (s.offsets ? row.offset[i / s.group] : 0.0f));
  });
  return l;
}

std::vector<float> product(const layer& l, const std::vector<float>& x, grouped_way way) {
  const auto n = static_cast<std::int64_t>(x.size()) / l.packed.in;
  const grouped_input input(x.data(), n, l.packed.in, l.packed.shape.group);
  std::vector<float> y(n * l.packed.out, NAN);
  infer_grouped(input, l.packed, y.data(), l.packed.out, 0, l.packed.tiles(), way);
  return y;
}

std::vector<grouped_way> ways() {
  std::vector<grouped_way> all{grouped_way::plain};
  if (best_grouped_way() != grouped_way::plain) all.push_back(grouped_way::avx2);
  if (best_grouped_way() == grouped_way::vnni) all.push_back(grouped_way::vnni);
  return all;
}

}  // namespace

TEST_CASE("halves survive a round trip, and numbers between them go to the nearest") {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float value = half_to_float(half);
    if (std::isnan(value)) continue;
    REQUIRE(float_to_half(value) == half);
    if ((h & 0x7fff) >= 0x7bff) continue;
    const float next = half_to_float(static_cast<std::uint16_t>(half + 1));
    REQUIRE(float_to_half(value + (next - value) * 0.25f) == half);
    REQUIRE(float_to_half(value + (next - value) * 0.75f) == half + 1);
    REQUIRE(float_to_half(value + (next - value) * 0.5f) == half + (half & 1));
  }
  CHECK(float_to_half(1e6f) == 0x7c00);
  CHECK(float_to_half(-1e6f) == 0xfc00);
}

TEST_CASE("every way gives the same bits, near the exact product") {
  for (const auto& shape : shapes)
    for (const std::int64_t out : {1, 63, 64, 200}) {
      CAPTURE(shape.bits);
      CAPTURE(shape.offsets);
      CAPTURE(out);
      const std::int64_t in = 96, n = 7, group = shape.group;
      const auto l = make(out, in, shape);
      std::mt19937 random(9);
      std::vector<float> x(n * in);
      for (auto& v : x) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 500.0f;
      std::fill(x.begin(), x.begin() + group, 0.0f);  // a group of zeros
      std::vector<float> row_of_w(in);
      for (const std::int64_t o : {std::int64_t{0}, out - 1}) {
        read_grouped(l.packed, o, row_of_w.data());
        for (std::int64_t i = 0; i < in; ++i)
          CHECK(row_of_w[i] == doctest::Approx(l.exact[o * in + i]).epsilon(1e-5));
      }
      const auto want = product(l, x, grouped_way::plain);
      for (const auto way : ways()) CHECK(product(l, x, way) == want);
      for (std::int64_t r = 0; r < n; ++r) {  // a row alone
        const std::vector<float> row(x.begin() + r * in, x.begin() + (r + 1) * in);
        const auto alone = product(l, row, best_grouped_way());
        CHECK(std::equal(alone.begin(), alone.end(), want.begin() + r * out));
        for (std::int64_t o = 0; o < out; ++o) {
          double exact = 0, size = 0;
          for (std::int64_t i = 0; i < in; ++i) {
            exact += static_cast<double>(row[i]) * l.exact[o * in + i];
            size += std::abs(static_cast<double>(row[i]) * l.exact[o * in + i]);
          }
          CHECK(std::abs(want[r * out + o] - exact) <= 0.01 * size + 1e-6);
        }
      }
    }
}

TEST_CASE("scales below the normal halves, down to the smallest, count in every way") {
  constexpr std::int64_t out = 70, in = 64;
  const auto& shape = shapes[6];
  std::mt19937 random(5);
  std::vector<float> exact;
  layer l;
  l.packed = pack_grouped(out, in, shape, [&](std::int64_t, grouped_row& row) {
    for (auto& level : row.level) level = static_cast<std::uint8_t>(random() % 25);
    for (auto& scale : row.scale) scale = std::ldexp(1.0f, -24 + static_cast<int>(random() % 10));
    for (std::int64_t i = 0; i < in; ++i)
      exact.push_back(row.scale[i / shape.group] * static_cast<float>(row.level[i] - shape.zero));
  });
  std::vector<float> x(in), row(in);
  for (auto& v : x) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000);
  const auto want = product(l, x, grouped_way::plain);
  for (const auto way : ways()) CHECK(product(l, x, way) == want);
  for (std::int64_t o = 0; o < out; ++o) {
    read_grouped(l.packed, o, row.data());
    double sum = 0, size = 0;
    for (std::int64_t i = 0; i < in; ++i) {
      CHECK(row[i] == exact[o * in + i]);
      sum += static_cast<double>(x[i]) * row[i],
          size += std::abs(static_cast<double>(x[i]) * row[i]);
    }
    CHECK(std::abs(want[o] - sum) <= 0.01 * size);
  }
}

TEST_CASE("grouped_input: groups of tiny numbers count as zeros, what is no number stays none") {
  const float inf = INFINITY, least = std::numeric_limits<float>::denorm_min();
  for (const int group : {16, 32})
    for (const float odd : {0.0f, least, -1e-38f, 1e-31f, inf, -inf, NAN, 3e38f}) {
      CAPTURE(group);
      CAPTURE(odd);
      std::vector<float> x(3 * static_cast<std::size_t>(group), 0.5f);
      std::fill(x.begin() + group, x.begin() + 2 * group, std::fabs(odd) < 1 ? odd : 1.0f);
      x[static_cast<std::size_t>(group) + 3] = odd;
      const grouped_input in(x.data(), 1, 3 * group, group);
      for (const int other : {0, 2}) {  // neighbours are not harmed
        CHECK(in.scales(0)[other] == 0.5f / 127);
        CHECK(in.level_sums(0)[other] == 127 * group);
      }
      const bool tiny = std::fabs(odd) <= 1e-30f;
      std::int32_t sum = 0;
      for (int i = 0; i < group; ++i) {
        const int level = in.levels(0)[group + i];
        CHECK(std::abs(level) <= 127);
        if (tiny) CHECK(level == 0);
        sum += level;
      }
      CHECK(in.level_sums(0)[1] == sum);
      CHECK(std::isfinite(in.scales(0)[1]) == std::isfinite(odd));
      CHECK(std::isfinite(in.sums(0)[1]) == std::isfinite(odd));
    }
  // A row with such a group says so in every way, others of the batch do not.
  const auto l = make(70, 64, shapes[0]);
  std::vector<float> x(3 * 64, 0.25f);
  x[64 + 40] = NAN;
  for (const auto way : ways()) {
    const auto y = product(l, x, way);
    for (int o = 0; o < 70; ++o) {
      CHECK(std::isfinite(y[static_cast<std::size_t>(o)]));
      CHECK(std::isnan(y[static_cast<std::size_t>(70 + o)]));
      CHECK(std::isfinite(y[static_cast<std::size_t>(140 + o)]));
    }
  }
}
