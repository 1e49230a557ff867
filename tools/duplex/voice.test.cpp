#include "tools/duplex/voice.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "tools/duplex/rules.hpp"
#include "tools/duplex/score.hpp"

using namespace hocket::duplex;

namespace {

// A voiced sound as of a glottis: harmonics that fall by 6 dB an octave.
void hum(std::vector<float>& into, double from_s, double to_s, double hz, double level) {
  for (auto i = std::size_t(from_s * rate_hz); i < std::size_t(to_s * rate_hz); ++i) {
    double v = 0;
    for (int h = 1; h <= 6; ++h)
      v += std::sin(2 * std::numbers::pi * hz * h * double(i) / rate_hz) / h;
    into[i] = static_cast<float>(level * v);
  }
}

std::vector<float> silence(double length_s) {
  return std::vector<float>(std::size_t(length_s * rate_hz), 0.0f);
}

double mean_of_pitch(double hz) {
  auto x = silence(0.5);
  hum(x, 0, 0.5, hz, 0.2);
  const auto found = pitches_of(x);
  REQUIRE(found.size() >= 40);
  double sum = 0;
  for (const double p : found) sum += p / double(found.size());
  return sum;
}

// Four words before the overlap at [3, 3.5), four after it, faster, higher and louder.
struct scene {
  item of;
  std::vector<float> sound = silence(8);
  timeline did;
  scene() {
    of.family = "interruption";
    of.samples = 8 * rate_hz;
    of.from_s = 3;
    of.to_s = 3.5;
    of.sounds = {{"user", "count to ten", 0, rate_hz / 2},
                 {"user", "what is two plus five", 3 * rate_hz, 7 * rate_hz / 2}};
    of.expect.label = "RESPOND";
    of.expect.replies = {"that is seven"};
    of.expect.sequence = {"one", "two", "three", "four"};
    did.length_s = 8;
    for (int i = 0; i < 4; ++i) word(1 + 0.5 * i, 0.3, 120, 0.05, i == 3 ? "four" : "one");
    const char* reply[] = {"that", "is", "seven", "okay"};
    for (int i = 0; i < 4; ++i) word(4 + 0.25 * i, 0.2, 180, 0.1, reply[i]);
    did.speech = segments_of(sound, 0.04);
  }
  void word(double at_s, double length_s, double hz, double level, const char* text) {
    hum(sound, at_s, at_s + length_s, hz, level);
    did.words.push_back({at_s - 0.06, text});
  }
};

}  // namespace

TEST_CASE("pitch: of voices from deep to high, within 2 %; noise and silence have none") {
  for (const double hz : {80.0, 120.0, 205.0, 310.0}) {
    INFO(hz);
    CHECK(mean_of_pitch(hz) == doctest::Approx(hz).epsilon(0.02));
  }
  CHECK(pitches_of(silence(0.5)).empty());
  auto noise = silence(0.5);
  std::uint32_t state = 1;
  for (auto& v : noise) {
    state = state * 1664525u + 1013904223u;
    v = float(state >> 16) / 65536.0f - 0.5f;
  }
  CHECK(pitches_of(noise).size() < 5);
}

TEST_CASE("voice before and after an overlap: pace, pitch and level, each where there is enough") {
  const scene s;
  const auto change = voice_around(s.of, s.sound, s.did);
  REQUIRE(change);
  CHECK(*change->before.words_per_s == doctest::Approx(4 / 1.8).epsilon(0.03));
  CHECK(*change->after.words_per_s == doctest::Approx(4 / 0.95).epsilon(0.03));
  CHECK(*change->before.pitch_hz == doctest::Approx(120).epsilon(0.03));
  CHECK(*change->after.pitch_hz == doctest::Approx(180).epsilon(0.03));
  CHECK(*change->after.level_db - *change->before.level_db == doctest::Approx(6.02).epsilon(0.05));
  CHECK(*change->before.level_deviation_db < 1);
  CHECK_FALSE(voice_between(s.sound, s.did, 1.0, 1.2).words_per_s);  // one word is no pace
  CHECK_FALSE(voice_between(s.sound, s.did, 6, 8).pitch_hz);
  item other = s.of;
  other.family = "turn";
  CHECK_FALSE(voice_around(other, s.sound, s.did));
}

TEST_CASE("a word that breaks off is a sudden fall, one that fades is none") {
  scene cut;
  hum(cut.sound, 2.5, 3.2, 120, 0.05);
  cut.did.speech = segments_of(cut.sound, 0.04);
  CHECK(*voice_around(cut.of, cut.sound, cut.did)->cut_off_db > 25);
  scene faded = cut;
  for (auto i = std::size_t(3.0 * rate_hz); i < std::size_t(3.4 * rate_hz); ++i) {
    const double at_s = double(i) / rate_hz - 3.0;
    if (i >= std::size_t(3.2 * rate_hz)) faded.sound[i] = faded.sound[i - rate_hz / 5];
    faded.sound[i] *= float(std::pow(10.0, -60 * at_s / 0.4 / 20));
  }
  faded.did.speech = segments_of(faded.sound, 0.04);
  CHECK(*voice_around(faded.of, faded.sound, faded.did)->cut_off_db < 12);
}

TEST_CASE("the change is scored where the label is the wanted one, with V1.5's two latencies") {
  scene s;
  s.did.voice = values_of(*voice_around(s.of, s.sound, s.did));
  CHECK(timeline_of(json_of(s.did)).voice == s.did.voice);
  const auto good = score(s.of, s.did);
  CHECK(good.values.at("respond") == 1);
  CHECK(good.values.at("voice_pitch_hz_change") == doctest::Approx(60).epsilon(0.05));
  CHECK(good.values.at("voice_pitch_hz_before") == doctest::Approx(120).epsilon(0.03));
  CHECK(good.values.at("response_s") == doctest::Approx(0.5).epsilon(0.03));
  CHECK(good.values.count("overlap_s") == 0);  // it was silent when the overlap began
  scene bad = s;
  bad.of.expect.replies = {"that is nine"};
  CHECK(score(bad.of, bad.did).values.count("voice_pitch_hz_change") == 0);
  scene over;
  hum(over.sound, 2.5, 3.2, 120, 0.05);
  over.did.speech = segments_of(over.sound, 0.04);
  CHECK(score(over.of, over.did).values.at("overlap_s") == doctest::Approx(0.2).epsilon(0.06));
}
