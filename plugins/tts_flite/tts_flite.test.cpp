#include "plugins/tts_flite/tts_flite.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "graph/contract/harness.hpp"

namespace hocket::tts_flite {
namespace {

std::string words_of(const harness& h) {
  std::string out;
  for (const auto& t : h.values<text>("words")) out += (out.empty() ? "" : " ") + t.value;
  return out;
}

/// Everything that was handed over, on one time axis; a later packet replaces an earlier one.
std::vector<float> sound_of(const harness& h, std::int64_t until) {
  std::vector<float> out(static_cast<std::size_t>(until), 0.0f);
  for (const auto& chunk : h.values<audio_chunk>("audio")) {
    const auto part = chunk.samples.as<float>();
    for (std::size_t i = 0; i < part.size(); ++i)
      if (const auto at = static_cast<std::size_t>(chunk.first_sample) + i; at < out.size())
        out[at] = part[i];
  }
  return out;
}

double loudness(const std::vector<float>& all, std::int64_t from, std::int64_t to) {
  double sum = 0;
  for (auto i = from; i < to; ++i)
    sum += all[static_cast<std::size_t>(i)] * all[static_cast<std::size_t>(i)];
  return std::sqrt(sum / static_cast<double>(to - from));
}

}  // namespace

TEST_CASE("every voice says the words of the text, at their times") {
  for (const char* name : {"slt", "rms", "awb", "kal16"}) {
    const flite_voice voice(name, {{"siete", "syettay"}});
    const auto made = voice.say("One, two siete!");
    REQUIRE(made);
    REQUIRE(made->words.size() == 3);
    CHECK(made->words[0].word == "one");
    CHECK(made->words[0].written == "One,");
    CHECK(made->words[2].word == "siete");
    std::int64_t before = 0;
    for (const auto& w : made->words) {
      CHECK(w.begin >= before);
      CHECK(w.end > w.begin);
      CHECK(loudness(made->samples, w.begin, w.end) > 0.01);
      before = w.end;
    }
    CHECK(static_cast<std::int64_t>(made->samples.size()) >= before);
    CHECK(std::abs(made->samples.front()) < 0.01);
    CHECK(std::abs(made->samples.back()) < 0.01);
    CHECK(voice.say("One, two siete!")->samples == made->samples);
  }
  CHECK(flite_voice("slt", {}).say("...")->samples.empty());
  CHECK(flite_voice("nobody", {}).say("one").error().code == "tts.no_voice");
}

TEST_CASE("figures are read out, under flite's own words") {
  const auto made = flite_voice("kal16", {}).say("it is 56");
  REQUIRE(made);
  REQUIRE(made->words.size() == 4);
  CHECK(made->words[2].word == "fifty");
}

TEST_CASE("tts.flite: streams in time, and reports words when they begin") {
  harness h(type_of<tts>(), {.config = settings({{"voice", "kal16"}, {"playout_delay_ms", 0}})});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(310)));
  REQUIRE(h.push("text", timestamp::of_ms(310), text{"count one two three four", "model"}));
  CHECK(words_of(h).empty());
  const auto first = h.outputs("audio").at(0);
  CHECK(first.header.ts == timestamp::of_ms(310));
  // Nothing goes out more than two micro-turns ahead.
  for (std::int64_t ms = 400; ms <= 3000; ms += 200) {
    REQUIRE(h.advance_to(timestamp::of_ms(ms)));
    for (const auto& p : h.outputs("audio"))
      CHECK(p.header.ts < h.now() + std::chrono::milliseconds(400));
    for (const auto& p : h.outputs("words")) CHECK(p.header.ts < h.now());
  }
  CHECK(words_of(h) == "count one two three four");
  std::int64_t next = 310 * 16;
  for (const auto& chunk : h.values<audio_chunk>("audio")) {
    CHECK(chunk.first_sample == next);
    CHECK(chunk.frames() <= 3200);
    next += chunk.frames();
  }
  CHECK(h.violations().empty());
}

TEST_CASE("tts.flite: a text waits for its time and for the one before it") {
  harness h(type_of<tts>(), {.config = settings({{"voice", "kal16"}, {"playout_delay_ms", 0}})});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"hello", "model"}));
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"goodbye", "model"}));
  REQUIRE(h.push("text", timestamp::of_ms(3000), text{"ping", "model"}));
  REQUIRE(h.push("text", timestamp::of_ms(3000), text{" , ", "model"}));
  REQUIRE(h.advance_to(timestamp::of_ms(5000)));
  CHECK(words_of(h) == "hello goodbye ping");
  const auto words = h.outputs("words");
  CHECK(words[1].header.ts > words[0].header.ts + std::chrono::milliseconds(300));
  CHECK(words[2].header.ts == timestamp::of_ms(3030));  // 30 ms of its sound are silence
  CHECK(h.violations().empty());
}

TEST_CASE("tts.flite: a barge-in breaks off, what began is reported, resume says the rest") {
  harness h(type_of<tts>(), {.config = settings({{"voice", "kal16"}, {"playout_delay_ms", 100}})});
  REQUIRE(h.open());
  REQUIRE(h.push("events", timestamp::of_ms(0), text{"barge_in", "vad"}));
  CHECK(h.counter("barge_ins") == 1);
  CHECK(h.interrupts() == 0);
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"one, two, three, four, five", "model"}));
  REQUIRE(h.advance_to(timestamp::of_ms(1100)));
  REQUIRE(h.push("events", h.now(), text{"speech_begin", "vad"}));
  CHECK(h.interrupts() == 0);
  REQUIRE(h.push("events", h.now(), text{"barge_in", "vad"}));
  CHECK(h.interrupts() == 1);
  const auto began = h.values<text>("words").size();
  CHECK(began >= 1);
  CHECK(began < 5);
  // All words that began are heard at the playout: 100 ms behind our clock.
  for (const auto& p : h.outputs("words")) CHECK(p.header.ts < timestamp::of_ms(1000));
  REQUIRE(h.advance_to(timestamp::of_ms(3000)));
  CHECK(h.values<text>("words").size() == began);
  REQUIRE(h.push("text", h.now(), text{"", "resume"}));
  REQUIRE(h.push("text", h.now(), text{"", "resume"}));  // nothing is left
  REQUIRE(h.advance_to(timestamp::of_ms(7000)));
  const auto all = words_of(h);
  CHECK(all.ends_with("four five"));
  // The word that was cut is said again, no other twice.
  CHECK(h.values<text>("words").size() <= 6);
  CHECK(h.values<text>("words").size() >= 5);
  CHECK(h.counter("resumed") == 1);
  CHECK(h.violations().empty());
}

TEST_CASE("tts.flite: an interruption from elsewhere and a new text forget the rest") {
  harness h(type_of<tts>(), {.config = settings({{"voice", "kal16"}})});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"one, two, three", "model"}));
  REQUIRE(h.advance_to(timestamp::of_ms(600)));
  const auto sent = h.outputs("audio").size();
  REQUIRE(h.control_packet("", {control::kind::interrupt, "", 1}));
  CHECK(h.interrupts() == 0);  // it was raised already
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(h.outputs("audio").size() == sent);
  REQUIRE(h.push("text", h.now(), text{"okay", "model"}));
  REQUIRE(h.push("text", h.now(), text{"", "resume"}));
  REQUIRE(h.advance_to(timestamp::of_ms(4000)));
  CHECK(words_of(h).ends_with("okay"));
  CHECK(h.counter("resumed") == 0);
  CHECK(h.violations().empty());
}

TEST_CASE("tts.flite: what was begun is said to its end; a bad spelling is named") {
  harness h(type_of<tts>(), {.config = settings({{"voice", "kal16"}})});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"one, two, three, four", "model"}));
  REQUIRE(h.close());
  CHECK(words_of(h) == "one two three four");
  CHECK(loudness(sound_of(h, 32000), 0, 16000) > 0.01);
  harness bad(type_of<tts>(),
              {.config = settings({{"spelling", value(value::list{value(std::string("uno"))})}})});
  const auto opened = bad.open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "tts.bad_spelling");
}

}  // namespace hocket::tts_flite
