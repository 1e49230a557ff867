#include "tools/duplex/manner.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace hocket::duplex;

namespace {

/// A buzz of that pitch through a resonance there: one voice.
std::vector<float> voice(double pitch_hz, double resonance_hz, double level, double seconds) {
  std::vector<float> out(static_cast<std::size_t>(seconds * 16000));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / 16000;
    double v = 0;
    for (int k = 1; k * pitch_hz < 7000; ++k)
      v += std::sin(2 * M_PI * k * pitch_hz * t) /
           (1 + std::pow((k * pitch_hz - resonance_hz) / 400, 2));
    out[i] = static_cast<float>(level * v);
  }
  return out;
}

manner spoken(const std::vector<float>& sound, std::int64_t words = 4) {
  manner m;
  m.add(1, words, sound);
  return m;
}

}  // namespace

TEST_CASE("a voice is near itself, however loud and long, and far from another one") {
  const auto own = spoken(voice(120, 800, 0.1, 3));
  CHECK(own.frames > 40);
  CHECK(voice_distance(own, spoken(voice(120, 800, 0.1, 3))) == 0);
  CHECK(voice_distance(own, spoken(voice(120, 800, 0.05, 5))) < 0.2);
  CHECK(voice_distance(own, spoken(voice(240, 2500, 0.1, 3))) > 0.4);
  CHECK(voice_distance(own, spoken(std::vector<float>(48000))) == 0);  // it never spoke
}

TEST_CASE("words that nobody asked for are counted by ask") {
  auto m = spoken(voice(120, 800, 0.1, 1), 4);
  m.add(3, 8, std::vector<float>(16000));
  CHECK(m.words_of_an_ask() == 3);
  CHECK(manner().words_of_an_ask() == 0);
}
