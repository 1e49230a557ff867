#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "graph/contract/harness.hpp"
#include "plugins/audio_parts/common.hpp"
#include "plugins/audio_parts/delay.hpp"
#include "plugins/audio_parts/gate.hpp"
#include "plugins/audio_parts/mix.hpp"
#include "plugins/audio_parts/remix.hpp"
#include "plugins/audio_parts/resample.hpp"
#include "plugins/audio_parts/selector.hpp"

namespace hocket::audio_parts {
namespace {

audio_chunk chunk_of(std::vector<float> samples, std::int64_t first, std::int32_t rate_hz = 16000,
                     std::int32_t channels = 1) {
  return {rate_hz, channels, first, buffer::take(std::move(samples))};
}

audio_chunk steady(float level, std::int64_t frames, std::int64_t first,
                   std::int32_t rate_hz = 16000, std::int32_t channels = 1) {
  return chunk_of(std::vector<float>(static_cast<std::size_t>(frames * channels), level), first,
                  rate_hz, channels);
}

audio_chunk tone(double hz, std::int64_t from, std::int64_t to, std::int32_t rate_hz) {
  std::vector<float> s;
  for (auto i = from; i < to; ++i)
    s.push_back(static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz)));
  return chunk_of(std::move(s), from, rate_hz);
}

void push(harness& h, std::string_view port, audio_chunk c) {
  const auto at = timestamp::of_samples(c.first_sample, c.rate_hz);
  REQUIRE(h.push(port, at, std::move(c)));
}

void barge_in(harness& h, std::string_view port) {
  REQUIRE(h.control_packet(port, {control::kind::interrupt, "", 0}));
}

/// The chunks of a port as one signal; where they do not join, the test fails.
std::vector<float> joined(const harness& h, std::string_view port, std::int64_t& first) {
  std::vector<float> out;
  std::int64_t next = -1;
  for (const auto& p : h.outputs(port)) {
    const auto& c = *p.get_if<audio_chunk>();
    CHECK(p.header.ts == timestamp::of_samples(c.first_sample, c.rate_hz));
    if (next < 0) first = c.first_sample;
    if (next >= 0) CHECK(c.first_sample == next);
    next = c.first_sample + c.frames();
    const auto s = c.samples.as<float>();
    out.insert(out.end(), s.begin(), s.end());
  }
  return out;
}

}  // namespace

TEST_CASE("the sample at a time is the first that does not begin before it") {
  CHECK(sample_at(timestamp::of_ms(0), 16000) == 0);
  CHECK(sample_at(timestamp::of_ms(200), 44100) == 8820);
  CHECK(sample_at(timestamp(1), 16000) == 1);
  CHECK(sample_at(timestamp(62'500), 16000) == 1);
  CHECK(sample_at(timestamp(62'501), 16000) == 2);
  for (const std::int64_t rate : {8000, 11025, 44100, 48000})
    for (std::int64_t i = 0; i < 5000; i += 7)
      CHECK(sample_at(timestamp::of_samples(i, rate), rate) == i);
}

TEST_CASE("resample: the tone stays the tone, on the same stream time, in any chunking") {
  for (const auto& [in, out] : {std::pair{48000, 16000}, {16000, 24000}, {44100, 16000}}) {
    for (const std::int64_t piece : {160, 441, 7000}) {
      harness h(type_of<resample>(), {.config = settings({{"rate_hz", out}})});
      REQUIRE(h.open());
      const std::int64_t begin = in, end = 2 * in;  // does not begin at 0
      for (auto at = begin; at < end; at += piece)
        push(h, "audio", tone(300, at, std::min(end, at + piece), in));
      REQUIRE(h.close());
      std::int64_t first = 0;
      const auto got = joined(h, "audio", first);
      CHECK(first == out);
      REQUIRE(got.size() == static_cast<std::size_t>(out));
      double worst = 0;  // away from the edges, where the filter sees silence
      for (std::size_t i = 400; i + 400 < got.size(); ++i) {
        const auto t = static_cast<double>(first + static_cast<std::int64_t>(i)) / out;
        worst = std::max(worst, std::abs(got[i] - 0.5 * std::sin(2 * std::numbers::pi * 300 * t)));
      }
      CHECK(worst < 0.002);
      CHECK(h.violations().empty());
    }
  }
}

TEST_CASE("resample: a gap stays a gap, repeats are dropped, a new format begins anew") {
  harness h(type_of<resample>(), {.config = settings({{"rate_hz", 8000}})});
  REQUIRE(h.open());
  push(h, "audio", steady(0.5f, 1600, 0));
  push(h, "audio", steady(0.5f, 1600, 800));    // half of it is known
  push(h, "audio", steady(0.5f, 1600, 16000));  // a gap
  push(h, "audio", steady(0.5f, 4800, 96000, 48000, 2));
  REQUIRE(h.close());
  CHECK(h.counter("repeated_samples") == 800);
  CHECK(h.counter("gaps") == 1);
  std::int64_t mono = 0, stereo = 0, last_end = 0;
  bool saw_gap = false;
  for (const auto& p : h.outputs("audio")) {
    const auto& c = *p.get_if<audio_chunk>();
    CHECK(c.rate_hz == 8000);
    CHECK(c.first_sample >= last_end);
    saw_gap |= c.first_sample == 8000 && last_end == 1200;
    last_end = c.first_sample + c.frames();
    (c.channels == 2 ? stereo : mono) += c.frames();
  }
  CHECK(mono == 1200 + 800);
  CHECK(stereo == 800);
  CHECK(saw_gap);
}

TEST_CASE("resample: a person's sound has no hole where somebody barges in") {
  harness h(type_of<resample>(), {.config = settings({{"rate_hz", 8000}})});
  REQUIRE(h.open());
  for (std::int64_t k = 0; k < 10; ++k) {
    if (k == 5) barge_in(h, "audio");
    push(h, "audio", steady(0.5f, 320, k * 320));
  }
  REQUIRE(h.close());
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  CHECK(got.size() == 1600);
  for (std::size_t i = 100; i + 100 < got.size(); ++i) CHECK(std::abs(got[i] - 0.5f) < 0.01f);
  CHECK(h.counter("gaps") == 0);
}

TEST_CASE("resample: what the filter holds of sound that was cut off is not said") {
  harness h(type_of<resample>(), {.config = settings({{"rate_hz", 8000}})});
  REQUIRE(h.open());
  push(h, "audio", steady(0.5f, 1600, 0));
  h.take("audio");
  barge_in(h, "audio");
  push(h, "audio", steady(0, 1600, 4800));  // made anew
  REQUIRE(h.close());
  for (const auto& c : h.values<audio_chunk>("audio"))
    for (const auto s : c.samples.as<float>()) CHECK(s == 0);
}

TEST_CASE("remix: channels are taken, doubled, averaged and turned up") {
  struct row {
    std::vector<std::string> take;
    double gain_db;
    std::vector<float> want;  ///< of the frame {0.2, 0.6}
  };
  for (const auto& r : std::vector<row>{{{"0"}, 0, {0.2f}},
                                        {{"1"}, 0, {0.6f}},
                                        {{"0+1"}, 0, {0.4f}},
                                        {{"1", "0"}, 0, {0.6f, 0.2f}},
                                        {{"0", "0"}, 20 * std::log10(2.0), {0.4f, 0.4f}},
                                        {{"1"}, 20, {1.0f}}}) {
    value::list names;
    for (const auto& t : r.take) names.push_back(value(t));
    harness h(type_of<remix>(),
              {.config = settings({{"take", value(names)}, {"gain_db", r.gain_db}})});
    REQUIRE(h.open());
    push(h, "audio", chunk_of({0.2f, 0.6f}, 7, 8000, 2));
    const auto got = h.values<audio_chunk>("audio");
    REQUIRE(got.size() == 1);
    CHECK(got[0].first_sample == 7);
    CHECK(got[0].channels == static_cast<std::int32_t>(r.want.size()));
    const auto s = got[0].samples.as<float>();
    for (std::size_t i = 0; i < r.want.size(); ++i) CHECK(s[i] == doctest::Approx(r.want[i]));
    CHECK(h.counter("clipped_samples") == (r.gain_db == 20 ? 1 : 0));
  }
}

TEST_CASE(
    "remix: a channel that is not there is silent and counted; a list that is none is named") {
  harness h(type_of<remix>(), {.config = settings({{"take", value(value::list{value("1")})}})});
  REQUIRE(h.open());
  push(h, "audio", steady(0.5f, 4, 0));
  CHECK(h.values<audio_chunk>("audio").at(0).samples.as<float>()[0] == 0);
  CHECK(h.counter("missing_channels") == 1);
  for (const char* bad : {"", "left", "0+", "+1", "0-1", "64", "99999999999999999999", "0 1"}) {
    harness wrong(type_of<remix>(),
                  {.config = settings({{"take", value(value::list{value(bad)})}})});
    const auto opened = wrong.open();
    REQUIRE(!opened);
    CHECK(opened.error().code == "remix.bad_take");
  }
}

TEST_CASE("mix: the sum is on the samples' own time, whatever the chunking") {
  harness h(type_of<mix>(),
            {.config = settings({{"gains_db", value(value::list{value(0.0), value(-6.0206)})}})});
  REQUIRE(h.open());
  push(h, "a", steady(0.25f, 5000, 0));    // reaches into the second micro-turn
  push(h, "b", steady(0.5f, 1600, 1000));  // within the first
  push(h, "b", steady(0.5f, 1600, 5600));  // a gap before it, reaches into the third
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  CHECK(first == 0);
  REQUIRE(got.size() >= 9600);
  for (std::size_t i = 0; i < 9600; ++i) {
    const float a = i < 5000 ? 0.25f : 0;
    const float b = (i >= 1000 && i < 2600) || (i >= 5600 && i < 7200) ? 0.25f : 0;
    if (std::abs(got[i] - (a + b)) > 1e-5f) FAIL("sample " << i << " is " << got[i]);
  }
  CHECK(h.violations().empty());
}

TEST_CASE("mix: what is too late, too loud or of another format is counted") {
  harness h(type_of<mix>());
  REQUIRE(h.open());
  push(h, "a", steady(0.75f, 3200, 0));
  push(h, "b", steady(0.75f, 3200, 0));
  push(h, "c", steady(0.5f, 100, 0, 8000));
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  REQUIRE(h.push("a", timestamp::of_ms(200), steady(0.5f, 3300, 3100)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(h.counter("clipped_samples") == 3200);
  CHECK(h.counter("wrong_format") == 1);
  CHECK(h.counter("late_samples") == 100);
  const auto got = h.values<audio_chunk>("audio");
  REQUIRE(got.size() >= 2);
  CHECK(got[0].samples.as<float>()[0] == 1);
  CHECK(got[1].samples.as<float>()[0] == 0.5f);
}

TEST_CASE("delay: the same samples, later, without a copy") {
  harness h(type_of<delay>(), {.config = settings({{"delay_ms", 150}})});
  REQUIRE(h.open());
  const auto c = steady(0.5f, 320, 480);
  push(h, "audio", c);
  const auto got = h.values<audio_chunk>("audio");
  REQUIRE(got.size() == 1);
  CHECK(got[0].first_sample == 480 + 2400);
  CHECK(got[0].samples.as<float>().data() == c.samples.as<float>().data());
}

TEST_CASE("gate: opens and closes at the samples of its events, with ramps, and keeps the time") {
  harness h(type_of<audio_parts::gate>());
  REQUIRE(h.open());
  REQUIRE(h.push("events", timestamp::of_ms(100), text{"speech_begin", "vad"}));
  REQUIRE(h.push("events", timestamp::of_ms(150), text{"barge_in", "vad"}));  // none of its own
  REQUIRE(h.push("events", timestamp::of_ms(300), text{"speech_end", "vad"}));
  for (int k = 0; k < 25; ++k) push(h, "audio", steady(0.5f, 320, k * 320));
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  CHECK(first == 0);
  REQUIRE(got.size() == 8000);
  const auto rate = 16;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (i < 100 * rate) CHECK(got[i] == 0);
    if (i >= 105 * rate && i < 300 * rate) CHECK(got[i] == doctest::Approx(0.5f));
    if (i >= 306 * rate) CHECK(got[i] == 0);
    if (i > 0) CHECK(std::abs(got[i] - got[i - 1]) <= 0.5f / (5 * rate) + 1e-4f);
  }
  CHECK(h.counter("opened") == 1);
  CHECK(h.counter("closed") == 1);
}

TEST_CASE("gate: without its time only what it lets through goes out, on its own time") {
  harness h(type_of<audio_parts::gate>(),
            {.config = settings({{"keeps_time", false}, {"fade_ms", 0}, {"starts_open", true}})});
  REQUIRE(h.open());
  REQUIRE(h.push("events", timestamp::of_ms(30), text{"speech_end", "vad"}));
  REQUIRE(h.push("events", timestamp::of_ms(70), text{"speech_begin", "vad"}));
  for (int k = 0; k < 5; ++k) push(h, "audio", steady(0.5f, 320, k * 320));
  std::int64_t frames = 0;
  for (const auto& c : h.values<audio_chunk>("audio")) {
    frames += c.frames();
    CHECK((c.first_sample + c.frames() <= 480 || c.first_sample >= 1120));
  }
  CHECK(frames == 480 + 480);
  harness wrong(type_of<audio_parts::gate>(),
                {.config = settings(
                     {{"open_on", value(value::list{})}, {"close_on", value(value::list{})}})});
  const auto opened = wrong.open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "gate.no_event");
}

TEST_CASE("switch: the old one fades out, then the new one in, and time never runs backwards") {
  harness h(type_of<selector>());
  REQUIRE(h.open());
  REQUIRE(h.push("choice", timestamp::of_ms(50), text{"b", "user"}));
  REQUIRE(h.push("choice", timestamp::of_ms(60), text{"c", "user"}));
  for (int k = 0; k < 5; ++k) {
    push(h, "b", steady(-0.5f, 320, k * 320));  // b is early here, late there
    push(h, "a", steady(0.5f, 320, k * 320));
  }
  REQUIRE(h.close());
  std::int64_t end = 0;
  std::vector<float> got(1600, 0.0f);
  for (const auto& p : h.outputs("audio")) {
    const auto& c = *p.get_if<audio_chunk>();
    CHECK(c.first_sample >= end);
    end = c.first_sample + c.frames();
    const auto s = c.samples.as<float>();
    std::copy(s.begin(), s.end(), got.begin() + static_cast<std::ptrdiff_t>(c.first_sample));
  }
  CHECK(got[0] == 0.5f);
  CHECK(got[50 * 16 - 1] == 0.5f);
  CHECK(got[61 * 16] == -0.5f);
  CHECK(h.counter("overlapping_samples") == 0);
  CHECK(h.counter("switched") == 1);
  CHECK(h.counter("unknown_choices") == 1);
  CHECK(h.violations().empty());
}

TEST_CASE("switch: who is silent is not waited for") {
  harness h(type_of<selector>(), {.config = settings({{"fade_ms", 0}})});
  REQUIRE(h.open());
  push(h, "a", steady(0.5f, 320, 0));
  REQUIRE(h.push("choice", timestamp::of_ms(40), text{"b", "user"}));
  for (int k = 1; k < 20; ++k) push(h, "b", steady(-0.5f, 320, k * 320));  // a never comes again
  const auto got = h.values<audio_chunk>("audio");
  REQUIRE(got.size() > 1);
  CHECK(got[1].first_sample == 640);
  CHECK(got.back().first_sample == 19 * 320);
}

TEST_CASE("switch: long chunks, the new one first: nothing of the old one is lost") {
  harness h(type_of<selector>(), {.config = settings({{"fade_ms", 0}})});
  REQUIRE(h.open());
  REQUIRE(h.push("choice", timestamp::of_ms(250), text{"b", "user"}));
  for (int k = 0; k < 3; ++k) {
    push(h, "b", steady(-0.5f, 3200, k * 3200));
    push(h, "a", steady(0.5f, 3200, k * 3200));
  }
  REQUIRE(h.close());
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  REQUIRE(got.size() == 9600);
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != (i < 4000 ? 0.5f : -0.5f)) FAIL("sample " << i);
}

TEST_CASE("mix: sound that was made anew takes the place of what it overlaps") {
  harness h(type_of<mix>());
  REQUIRE(h.open());
  push(h, "a", steady(0.5f, 6400, 0));  // two micro-turns at once
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  barge_in(h, "a");
  push(h, "a", steady(0.25f, 3200, 3200));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  REQUIRE(got.size() == 6400);
  CHECK(got[3199] == 0.5f);
  CHECK(got[3200] == 0.25f);
}

TEST_CASE("mix: what was made ahead falls silent where somebody barges in") {
  harness h(type_of<mix>());
  REQUIRE(h.open());
  push(h, "a", steady(0.5f, 32000, 0));          // two seconds at once
  push(h, "b", steady(0.25f, 640, 3200 - 320));  // captured: it ends a little later
  REQUIRE(h.push("c", timestamp::of_ms(0), steady(0.1f, 320, std::int64_t{16000} * 86400 * 365)));
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  CHECK(h.counter("early_chunks") == 1);
  barge_in(h, "a");
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  std::int64_t first = -1;
  const auto got = joined(h, "audio", first);
  REQUIRE(got.size() == 32000);
  CHECK(got[0] == 0.5f);
  CHECK(got[3199] == 0.75f);
  CHECK(got[3200] == 0.25f);
  for (std::size_t i = 3520; i < got.size(); ++i) REQUIRE(got[i] == 0);
}

TEST_CASE("switch: what waits for the other one's end falls silent where somebody barges in") {
  harness h(type_of<selector>(), {.config = settings({{"fade_ms", 0}})});
  REQUIRE(h.open());
  push(h, "a", steady(0.5f, 1600, 0));
  REQUIRE(h.push("choice", timestamp::of_ms(120), text{"b", "user"}));
  push(h, "b", steady(0.25f, 3200, 0));  // waits: of a 20 ms are to come
  const auto before = h.values<audio_chunk>("audio").size();
  barge_in(h, "a");  // at 0: nothing of it was captured
  REQUIRE(h.close());
  CHECK(h.values<audio_chunk>("audio").size() == before);
}

TEST_CASE("a stranger's chunk costs no more than its size") {
  const auto made = [](harness& h, audio_chunk c) {
    REQUIRE(h.open());
    push(h, "audio", std::move(c));
    REQUIRE(h.close());
    return h.values<audio_chunk>("audio").size();
  };
  for (const auto& [rate_hz, channels] : std::vector<std::pair<std::int32_t, std::int32_t>>{
           {1, 1}, {999, 1}, {384'001, 1}, {16000, 65}, {16000, 1'000'000}}) {
    CAPTURE(rate_hz);
    CAPTURE(channels);
    harness a(type_of<resample>(), {.config = settings({{"rate_hz", 384'000}})});
    CHECK(made(a, steady(0.5f, 1, 0, rate_hz, channels)) == 0);
    CHECK(a.counter("wrong_format") == 1);
    harness b(type_of<remix>());
    CHECK(made(b, steady(0.5f, 1, 0, rate_hz, channels)) == 0);
    CHECK(b.counter("wrong_format") == 1);
    harness c(type_of<audio_parts::gate>(), {.config = settings({{"starts_open", true}})});
    CHECK(made(c, steady(0.5f, 1, 0, rate_hz, channels)) == 0);
    CHECK(c.counter("wrong_format") == 1);
  }
  harness d(type_of<resample>(), {.config = settings({{"rate_hz", 384'000}})});
  CHECK(made(d, steady(0.5f, 1'000'000, 0, 1000)) == 0);
  CHECK(d.counter("too_long") == 1);
}

}  // namespace hocket::audio_parts
