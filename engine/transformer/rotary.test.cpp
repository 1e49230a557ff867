// Rotary frequencies against numbers worked out by hand from the papers' formulas.
#include "engine/transformer/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <doctest/doctest.h>

using namespace hocket::engine;
using doctest::Approx;

TEST_CASE("rotary: positions lie at themselves, or in a pattern that repeats") {
  const position_pattern plain;
  CHECK(plain.at(0) == 0);
  CHECK(plain.at(4097) == 4097);
  const position_pattern shared{{0, 0, 1}, 2};
  const std::vector<std::int64_t> expected = {0, 0, 1, 2, 2, 3, 4};
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(shared.at(static_cast<std::int64_t>(i)) == expected[i]);
  CHECK(shared.at(3'000'000'001) == 2'000'000'000);
}

TEST_CASE("rotary: the usual frequencies fall from 1 towards 1 / base") {
  const auto f = rotary_frequencies(10'000, 8);
  REQUIRE(f.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(f[i] == Approx(std::pow(10.0, -static_cast<int>(i))));
  CHECK(rotary_frequencies(10'000, 0).empty());
}

TEST_CASE("rotary: Llama's scaling stretches long waves, keeps short ones, mixes between") {
  const llama_scaling s;  // factor 8; waves above 8192 and below 2048
  const auto of_wave = [](double wave) { return 2 * std::numbers::pi / wave; };
  std::vector<double> f = {of_wave(100), of_wave(2047), of_wave(4096), of_wave(8193), of_wave(1e6)};
  const auto before = f;
  scale_frequencies(f, s);
  CHECK(f[0] == before[0]);
  CHECK(f[1] == before[1]);
  // Half way: (8192 / 4096 - 1) / (4 - 1) = 1 / 3 of the frequency, 2 / 3 of an eighth of it.
  CHECK(f[2] == Approx(before[2] * (1.0 / 3 + 2.0 / 3 / 8)));
  CHECK(f[3] == before[3] / 8);
  CHECK(f[4] == before[4] / 8);
  // Without a step at either end.
  std::vector<double> ends = {of_wave(2048.0001), of_wave(8191.9999)};
  scale_frequencies(ends, s);
  CHECK(ends[0] == Approx(of_wave(2048)).epsilon(1e-6));
  CHECK(ends[1] == Approx(of_wave(8192) / 8).epsilon(1e-6));
}

TEST_CASE("rotary: YaRN's ramp between pairs that turn often and pairs that hardly turn") {
  // Pair i of 4 turns original * 10^-i / 2 pi times: 10^4 times the first, once the one after the last.
  yarn_scaling s{.factor = 4, .original = 2 * std::numbers::pi * 10'000, .fast = 3000, .slow = 2};
  auto whole = rotary_frequencies(10'000, 8);
  const auto before = whole;
  scale_frequencies(whole, 10'000, s);  // the ramp is from pair 0 to pair 4
  for (std::size_t i = 0; i < 4; ++i) {
    const double ramp = static_cast<double>(i) / 4;
    CHECK(whole[i] == Approx(before[i] * (ramp / 4 + 1 - ramp)));
  }
  s.whole = false;  // from log10(10000 / 3000) to log10(10000 / 2)
  auto exact = before;
  scale_frequencies(exact, 10'000, s);
  const double low = std::log10(10.0 / 3), high = std::log10(5000.0);
  for (std::size_t i = 0; i < 4; ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    CHECK(exact[i] == Approx(before[i] * (ramp / 4 + 1 - ramp)));
  }
  CHECK(exact[0] == before[0]);
  s.slow = 500;  // pairs 2 and 3 turn less often than that
  exact = before;
  scale_frequencies(exact, 10'000, s);
  CHECK(exact[2] == Approx(before[2] / 4));
  CHECK(exact[3] == Approx(before[3] / 4));
  CHECK(yarn_gain(1) == 1);
  CHECK(yarn_gain(0.5) == 1);
  CHECK(yarn_gain(40) == Approx(1.368888));
  CHECK(yarn_gain(40, 0.707) == Approx(1 + 0.0707 * std::log(40.0)));
}
