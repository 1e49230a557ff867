#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <set>

#include "tools/scenarios/builder.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;

namespace {

conversation made_of(const std::string& family, std::uint64_t index) {
  source_options options;
  options.families = {family};
  auto made = make_conversation(options, index);
  REQUIRE_MESSAGE(made, made.error().message);
  return std::move(*made);
}

}  // namespace

TEST_CASE("rich sound is causal too, and made by other voices") {
  source_options options;
  options.sound = variety::rich;
  options.families = {"all"};
  std::set<std::string> voices;
  bool seen = false, blind = false;
  for (std::uint64_t index = 0; index < 12; ++index) {
    options.seconds = 15;
    const auto whole = make_conversation(options, index);
    options.seconds = 6;
    const auto part = make_conversation(options, index);
    REQUIRE_MESSAGE(whole, whole.error().message);
    REQUIRE(part);
    const auto &x = part->example, &y = whole->example;
    CHECK(std::equal(x.text_out.begin(), x.text_out.end(), y.text_out.begin()));
    CHECK(std::equal(x.voice.begin(), x.voice.end(), y.voice.begin()));
    CHECK(std::equal(x.video.begin(), x.video.end(), y.video.begin()));
    (x.video.empty() ? blind : seen) = true;
    for (const float v : whole->person_audio) CHECK(std::isfinite(v));
    voices.insert(whole->speaker.voice);
  }
  CHECK(seen);
  CHECK(blind);
  CHECK(std::any_of(voices.begin(), voices.end(),
                    [](const std::string& v) { return v.starts_with("flite:"); }));
  for (const std::string& v : flite_voices_of(split::train)) {
    const auto& heldout = flite_voices_of(split::heldout);
    CHECK(std::find(heldout.begin(), heldout.end(), v) == heldout.end());
  }
}

TEST_CASE("the model's own voice is a person's only when it is somebody else's by its warp") {
  random_stream rng(5);
  int own = 0;
  for (int i = 0; i < 2000; ++i) {
    const person who = draw_person(rng, split::train, variety::rich);
    if (who.voice != "flite:slt") continue;
    ++own;
    CHECK(std::abs(who.warp - 1) >= 0.1);
  }
  CHECK(own > 100);
  const auto& tested = flite_voices_of(split::heldout);
  CHECK(std::find(tested.begin(), tested.end(), "flite:slt") == tested.end());
}

TEST_CASE("a spectral peak raises its own band, and the level is kept") {
  auto voice = person_voice::open();
  REQUIRE(voice);
  person who;
  who.voice = "flite:kal16";
  const auto plain = (*voice)->say("what is nine plus seven", who);
  who.peaks[0] = {3000, 9};
  const auto raised = (*voice)->say("what is nine plus seven", who);
  REQUIRE(plain);
  REQUIRE(raised);
  REQUIRE(plain->samples.size() == raised->samples.size());
  const auto power = [](const std::vector<float>& x, double hz) {  // within about 100 Hz
    double sum = 0;
    for (std::size_t from = 0; from + 160 <= x.size(); from += 160) {
      std::complex<double> at = 0;
      for (std::size_t i = 0; i < 160; ++i)
        at += double(x[from + i]) * std::polar(1.0, -2 * std::numbers::pi * hz / 16000 * double(i));
      sum += std::norm(at);
    }
    return sum;
  };
  const auto db = [&](double hz) {
    return 10 * std::log10(power(raised->samples, hz) / power(plain->samples, hz));
  };
  CHECK(db(3000) - db(600) == doctest::Approx(9).epsilon(0.15));
  const auto total = [](const std::vector<float>& x) {
    double sum = 0;
    for (const float v : x) sum += double(v) * double(v);
    return sum;
  };
  CHECK(total(raised->samples) == doctest::Approx(total(plain->samples)).epsilon(0.02));
}

TEST_CASE("a ping that is wanted once is followed by silence") {
  for (std::uint64_t index = 0; index < 12; ++index) {
    const conversation c = made_of("once", index);
    for (const expected_word& w : c.model_words) {
      if (w.word != "ping") continue;
      const episode& e = c.episodes[static_cast<std::size_t>(w.episode)];
      const std::int64_t waited = w.start - e.start;
      const std::int64_t until = std::min<std::int64_t>(w.end + waited / 2, c.micro_turns * 3200);
      for (const expected_word& later : c.model_words)
        CHECK_FALSE((later.start > w.start && later.start < until));
    }
  }
}

TEST_CASE("an interrupting question silences the model after its first word") {
  std::size_t broken = 0;
  for (std::uint64_t index = 0; index < 16; ++index) {
    const conversation c = made_of("interrupt", index);
    for (std::size_t i = 0; i < c.episodes.size(); ++i) {
      const episode& e = c.episodes[i];
      if (e.what.find(", what is") == std::string::npos || e.what.ends_with("far")) continue;
      std::vector<heard_word> words;
      for (const heard_word& w : c.person_words)
        if (w.start >= e.start && w.end <= e.end) words.push_back(w);
      std::size_t second = 1;  // the second request begins after a gap of more than a micro-turn
      while (second < words.size() && words[second].start - words[second - 1].end < turn_samples)
        ++second;
      if (second >= words.size()) continue;  // cut off by the end of the conversation
      const std::int64_t quiet = answer_turn(words[second].end),
                         answer = answer_turn(words.back().end);
      for (std::int64_t k = quiet; k < std::min(answer, c.micro_turns); ++k)
        for (int f = 0; f < 4; ++f)
          CHECK(c.example.voice[static_cast<std::size_t>(k * 4 + f)] == 0);
      ++broken;
    }
  }
  CHECK(broken > 3);
}

TEST_CASE("what is seen decides what is said, never earlier") {
  for (const char* family : {"repcount", "flash", "motion", "watch", "describe"}) {
    CAPTURE(family);
    const conversation c = made_of(family, 2);
    REQUIRE(c.example.video.size() ==
            static_cast<std::size_t>(c.micro_turns) * 2 * video_scene::frame_bytes);
    CHECK(std::count(c.example.pictured.begin(), c.example.pictured.end(), 1) == c.micro_turns);
    CHECK(std::count(c.example.voice.begin(), c.example.voice.end(), 1) > 5);
    std::set<std::vector<std::uint8_t>> different;
    for (std::int64_t k = 0; k < c.micro_turns; k += 5)
      different.insert({c.example.video.begin() + static_cast<std::ptrdiff_t>(k * 9600),
                        c.example.video.begin() + static_cast<std::ptrdiff_t>((k + 1) * 9600)});
    CHECK(different.size() > 3);
  }
}

TEST_CASE("the model's voice can say every word of the vocabulary and every sentence") {
  for (const std::string& token : nano_vocabulary().tokens()) {
    if (token.starts_with("<") || token == "##") continue;
    CAPTURE(token);
    CHECK(model_voice::shared().say(token).words.size() == 1);
  }
  CHECK(model_voice::shared().say(refusal).words.size() == 6);
}
