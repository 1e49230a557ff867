#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/audio/speech_mel.hpp"
#include "tools/scenarios/model_voice.hpp"

using namespace hocket::scenarios;

namespace {

constexpr std::int64_t turn_samples = 3200, turn_patches = 4;
constexpr auto patch = static_cast<std::int64_t>(hocket::engine::speech_format::patch_size);

double loudest(const phrase& p, std::int64_t from, std::int64_t to) {
  double best = 0;
  for (std::int64_t i = from; i < to; ++i)
    best = std::max(best, std::abs(double(p.samples[static_cast<std::size_t>(i)])));
  return best;
}

// What a and b sound like before word `at`, whose micro-turn they share, is the same.
void same_before(const phrase& a, const phrase& b, std::size_t at) {
  REQUIRE(a.words[at].start == b.words[at].start);
  CHECK(a.words[at].word != b.words[at].word);
  const std::int64_t start = a.words[at].start, fade = 40;
  CHECK(std::equal(a.samples.begin(), a.samples.begin() + start - fade, b.samples.begin()));
  CHECK(std::equal(a.patches.begin(),
                   a.patches.begin() + start / turn_samples * turn_patches * patch,
                   b.patches.begin()));
}

}  // namespace

TEST_CASE("nothing that sounds before an open word tells which word it is") {
  auto& voice = model_voice::shared();
  same_before(voice.say_undecided("that is seven"), voice.say_undecided("that is twelve"), 2);
  same_before(voice.say_undecided("it is red"), voice.say_undecided("it is blue"), 2);
  const char* first = "it is sunny in paris and foggy in rome";
  same_before(voice.say_undecided(first),
              voice.say_undecided("it is sunny in paris and foggy in tokyo"), 8);
  same_before(voice.say_undecided(first),
              voice.say_undecided("it is sunny in paris and rainy in rome"), 6);
  same_before(voice.say_undecided(first),
              voice.say_undecided("it is sunny in london and foggy in rome"), 4);
  // A teacher that knows its sentence does tell.
  const phrase &seven = voice.say("that is seven"), &twelve = voice.say("that is twelve");
  const auto before =
      std::min(seven.words[2].start, twelve.words[2].start) / turn_samples * turn_patches * patch;
  CHECK_FALSE(
      std::equal(seven.patches.begin(), seven.patches.begin() + before, twelve.patches.begin()));
}

TEST_CASE("an undecided speaker says the same words, whole and without a click") {
  auto& voice = model_voice::shared();
  for (const char* text : {"that is seven", "it is sunny in paris and foggy in rome", "okay",
                           "one two three four five", "let me check"}) {
    CAPTURE(text);
    const phrase &plain = voice.say(text), &p = voice.say_undecided(text);
    REQUIRE(p.words.size() == plain.words.size());
    CHECK(p.samples.size() % 800 == 0);
    CHECK(p.patches.size() == p.samples.size() / 800 * static_cast<std::size_t>(patch));
    double step = 0, plain_step = 0;
    for (std::size_t i = 1; i < p.samples.size(); ++i)
      step = std::max(step, std::abs(double(p.samples[i]) - double(p.samples[i - 1])));
    for (std::size_t i = 1; i < plain.samples.size(); ++i)
      plain_step =
          std::max(plain_step, std::abs(double(plain.samples[i]) - double(plain.samples[i - 1])));
    CHECK(step < 1.25 * plain_step);
    std::int64_t end = 0;
    for (std::size_t w = 0; w < p.words.size(); ++w) {
      CAPTURE(p.words[w].word);
      CHECK(p.words[w].word == plain.words[w].word);
      CHECK(p.words[w].start >= end);
      end = p.words[w].end;
      const double length = double(p.words[w].end - p.words[w].start);
      const double usual = double(plain.words[w].end - plain.words[w].start);
      CHECK(length > 0.5 * usual);
      CHECK(length < 2 * usual);
      CHECK(loudest(p, p.words[w].start, end) > 0.03);
    }
  }
  const phrase &plain = voice.say("let me check"), &same = voice.say_undecided("let me check");
  CHECK(plain.patches == same.patches);
}
