#include "tools/scenarios/acoustics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace hocket::scenarios;

TEST_CASE("rooms, echo and loss change the sound and keep its length and level in bounds") {
  std::vector<float> tone(16000), own(16000, 0.0f);
  for (std::size_t i = 0; i < tone.size(); ++i)
    tone[i] = i < 8000 ? 0.1f * std::sin(0.2f * static_cast<float>(i)) : 0.0f;
  own[100] = 1;
  const auto heard = [&](acoustics how) {
    how.noise_dbfs = -std::numeric_limits<double>::infinity();
    auto x = tone;
    apply(how, x, own, 1);
    return x;
  };
  CHECK(heard({}) == tone);
  const auto room = heard({.wet_db = -6, .rt60_s = 0.4});
  float tail = 0;
  for (std::size_t i = 8800; i < 9600; ++i) tail = std::max(tail, std::abs(room[i]));
  CHECK(tail > 0.001f);
  CHECK(tail < 0.1f);
  const auto echo = heard({.echo_db = -30, .echo_delay = 50});
  CHECK(echo[150] - tone[150] == doctest::Approx(0.0316).epsilon(0.01));
  const auto lossy = heard({.loss = 0.3, .burst_packets = 2});
  const auto gone = std::count(lossy.begin(), lossy.begin() + 8000, 0.0f);
  CHECK(gone > 500);
  CHECK(gone < 6000);
}
