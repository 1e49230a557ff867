#include "plugins/vad_energy/vad_energy.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "graph/contract/harness.hpp"

namespace hocket::vad_energy {
namespace {

/// A sound of a room: noise, and tones that stand for speech.
class room {
 public:
  room(double seconds, double noise_dbfs) : samples_(index(seconds)) {
    std::minstd_rand random(7);
    std::normal_distribution<float> noise(0, static_cast<float>(std::pow(10, noise_dbfs / 20)));
    for (auto& s : samples_) s = noise(random);
  }
  room& tone(double from_s, double to_s, double level_dbfs) {
    const double peak = std::sqrt(2.0) * std::pow(10, level_dbfs / 20);
    for (auto i = index(from_s); i < index(to_s); ++i)
      samples_[i] += static_cast<float>(peak * std::sin(static_cast<double>(i) * 0.08));
    return *this;
  }
  const std::vector<float>& samples() const { return samples_; }

 private:
  static std::size_t index(double seconds) { return static_cast<std::size_t>(seconds * rate_hz); }
  std::vector<float> samples_;
};

std::vector<detection> detect(const room& sound, detector_options options = {},
                              std::size_t chunk = 320) {
  detector d(options);
  std::vector<detection> out;
  const auto& all = sound.samples();
  for (std::size_t at = 0; at < all.size(); at += chunk) {
    auto found = d.push(std::span(all).subspan(at, std::min(chunk, all.size() - at)));
    std::ranges::move(found, std::back_inserter(out));
  }
  auto last = d.finish();
  std::ranges::move(last, std::back_inserter(out));
  return out;
}

std::vector<detection> only(std::vector<detection> all, detection::kind what) {
  std::erase_if(all, [&](const auto& d) { return d.what != what; });
  return all;
}

using kind = detection::kind;

}  // namespace

TEST_CASE("an utterance has a begin, a barge-in and an end where they are") {
  const auto found = detect(room(3, -60).tone(0.8, 1.6, -22));
  REQUIRE(found.size() == 3);
  CHECK(found[0].what == kind::speech_begin);
  CHECK(std::abs(found[0].at - 12800) <= 480);
  CHECK(found[1].what == kind::barge_in);
  CHECK(found[1].at - found[0].at == 150 * 16);
  CHECK(found[2].what == kind::speech_end);
  CHECK(std::abs(found[2].at - 25600) <= 480);
  // The segment has its margins, and holds the very samples of the stream.
  CHECK(found[2].first == found[0].at - 200 * 16);
  const auto all = room(3, -60).tone(0.8, 1.6, -22).samples();
  CHECK(std::equal(found[2].samples.begin(), found[2].samples.end(),
                   all.begin() + static_cast<std::ptrdiff_t>(found[2].first)));
  CHECK(found[2].first + static_cast<std::int64_t>(found[2].samples.size()) ==
        found[2].at + 200 * 16);
}

TEST_CASE("what is found does not depend on the chunking") {
  const auto sound = room(6, -55).tone(0.3, 0.9, -20).tone(1.2, 1.8, -25).tone(4, 4.6, -20);
  const auto whole = detect(sound, {}, 96000);
  REQUIRE(whole.size() == 6);
  for (const std::size_t chunk : {1UL, 159UL, 160UL, 800UL, 3333UL}) {
    const auto parts = detect(sound, {}, chunk);
    REQUIRE(parts.size() == whole.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(parts[i].at == whole[i].at);
      CHECK(parts[i].samples == whole[i].samples);
    }
  }
}

TEST_CASE("the endpoint delay decides whether a pause ends an utterance") {
  const auto sound = room(4, -60).tone(0.5, 1, -22).tone(1.4, 2, -22);
  CHECK(only(detect(sound, {.endpoint_ms = 300}), kind::speech_end).size() == 2);
  CHECK(only(detect(sound, {.endpoint_ms = 600}), kind::speech_end).size() == 1);
}

TEST_CASE("what is no near speech is not heard") {
  CHECK(detect(room(5, -42)).empty());                      // a noisy room
  CHECK(detect(room(3, -60).tone(1, 2, -43)).empty());      // somebody far
  CHECK(detect(room(3, -60).tone(1, 1.015, -20)).empty());  // a click
  CHECK(detect(room(3, -90).tone(1, 2, -22), {.min_level_dbfs = -10}).empty());
  // After a loud person, a level that would have been heard alone is somebody far.
  CHECK(!detect(room(6, -70).tone(3, 4, -31)).empty());
  const auto both = detect(room(6, -70).tone(0.5, 1.5, -12).tone(3, 4, -31));
  CHECK(only(both, kind::speech_begin).size() == 1);
}

TEST_CASE("the threshold follows the noise") {
  // The same level: speech in a quiet room, noise in one that hums as loudly all the time.
  CHECK(only(detect(room(3, -70).tone(1, 2, -30)), kind::speech_begin).size() == 1);
  const auto hum = only(detect(room(20, -70).tone(0, 20, -30)), kind::speech_begin);
  CHECK(hum.size() <= 1);
  CHECK(only(detect(room(8, -34).tone(5, 6, -15)), kind::speech_end).back().at > 5.9 * rate_hz);
}

TEST_CASE("an endless utterance is cut, and nothing of it comes twice") {
  room sound(9, -60);
  for (int i = 0; i < 30; ++i) sound.tone(0.5 + 0.25 * i, 0.7 + 0.25 * i, -20);
  const auto ends = only(detect(sound, {.max_ms = 3000}), kind::speech_end);
  REQUIRE(ends.size() >= 2);
  for (std::size_t i = 1; i < ends.size(); ++i)
    CHECK(ends[i].first >=
          ends[i - 1].first + static_cast<std::int64_t>(ends[i - 1].samples.size()));
}

TEST_CASE("vad.energy: segments and events on stream time; gaps, repeats, the end of the stream") {
  harness h(type_of<vad>(), {.config = settings({{"endpoint_ms", 300}})});
  REQUIRE(h.open());
  const auto sound = room(2, -60).tone(0.5, 1.0, -20).tone(1.5, 2, -20).samples();
  const auto push = [&](std::size_t from, std::size_t to, std::int64_t at) {
    std::vector<float> part(sound.begin() + static_cast<std::ptrdiff_t>(from),
                            sound.begin() + static_cast<std::ptrdiff_t>(to));
    const audio_chunk chunk{rate_hz, 1, at, buffer::take(std::move(part))};
    REQUIRE(h.push("audio", timestamp::of_samples(at, rate_hz), chunk));
  };
  push(0, 16000, 0);
  push(12000, 16000, 12000);  // comes twice
  push(16000, 20000, 16000);
  push(22000, 32000, 22000);  // 2000 samples are missing
  CHECK(h.values<audio_chunk>("segments").size() == 1);
  REQUIRE(h.control_packet("audio", {control::kind::end_of_stream, "", 0}));
  const auto segments = h.outputs("segments");
  REQUIRE(segments.size() == 2);
  CHECK(segments[0].header.ts ==
        timestamp::of_samples(segments[0].get_if<audio_chunk>()->first_sample, rate_hz));
  std::string events;
  for (const auto& t : h.values<text>("events")) events += t.value + " ";
  CHECK(events == "speech_begin barge_in speech_end speech_begin barge_in speech_end ");
  CHECK(h.counter("repeated_samples") == 4000);
  CHECK(h.counter("gap_samples") == 2000);
  CHECK(h.counter("utterances") == 2);
  CHECK(h.violations().empty());
}

}  // namespace hocket::vad_energy
