#include <doctest/doctest.h>

#include <cmath>

#include "tools/duplex/score.hpp"

using namespace hocket::duplex;

namespace {

timeline made(std::vector<segment> speech, std::vector<said_word> words = {},
              double length_s = 12) {
  timeline t;
  t.length_s = length_s;
  t.speech = std::move(speech);
  t.words = std::move(words);
  return t;
}

sounding user(const std::string& text, double from_s, double to_s) {
  return {"user", text, std::llround(from_s * rate_hz), std::llround(to_s * rate_hz)};
}

const std::vector<std::string> count{"one", "two",   "three", "four", "five",
                                     "six", "seven", "eight", "nine", "ten"};

// The count as it is heard: a number every 0.6 s from `from_s`, 0.35 s long.
timeline counting(double from_s, int numbers, double length_s = 14) {
  timeline t;
  t.length_s = length_s;
  for (int n = 0; n < numbers; ++n) {
    const double at = from_s + 0.6 * n;
    t.words.push_back({at, count[static_cast<std::size_t>(n)]});
    t.speech.push_back({at, at + 0.35});
  }
  return t;
}

void say(timeline& t, double at_s, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    t.words.push_back({at_s + 0.3 * double(i), words[i]});
  t.speech.push_back({at_s, at_s + 0.3 * double(words.size())});
}

item overlap_item(const char* family, double from_s, double to_s) {
  item it;
  it.family = family;
  it.samples = 14 * rate_hz;
  it.from_s = from_s;
  it.to_s = to_s;
  it.expect.sequence = count;
  it.sounds = {user("count to ten", 0.5, 1.2), user("what is two plus five", from_s, to_s)};
  return it;
}

}  // namespace

TEST_CASE("segments: gaps close, clicks go, silence is silence, quiet noise is no speech") {
  std::vector<float> x(rate_hz * 2, 0.0f);
  const auto tone = [&](double from, double to, float level) {
    for (auto i = std::size_t(from * rate_hz); i < std::size_t(to * rate_hz); ++i)
      x[i] = level * std::sin(0.3f * float(i));
  };
  CHECK(segments_of(x).empty());
  tone(0.20, 0.50, 0.2f);
  tone(0.56, 0.80, 0.2f);    // 60 ms later: the same stretch
  tone(1.20, 1.22, 0.2f);    // 20 ms: a click
  tone(1.50, 1.90, 0.002f);  // 40 dB below the loudest
  const auto found = segments_of(x);
  REQUIRE(found.size() == 1);
  CHECK(found[0].from_s == doctest::Approx(0.20));
  CHECK(found[0].to_s == doctest::Approx(0.80));
  CHECK(segments_of(x, 0.01).size() == 2);
  CHECK(merged({{0, 1}, {1.5, 2}, {2.6, 3}}, 0.5).size() == 2);
}

TEST_CASE("take-over: by span, by words, not by a backchannel, not outside the window") {
  CHECK(takes_over(made({{2.0, 3.0}}), 1, 5));
  CHECK_FALSE(takes_over(made({{2.0, 2.9}}), 1, 5));
  CHECK(takes_over(made({{2.0, 2.3}, {2.8, 3.1}}), 1, 5));  // a span counts its gaps
  const std::vector<said_word> three{{2.0, "a"}, {2.2, "b"}, {2.4, "c"}};
  CHECK_FALSE(takes_over(made({{2.0, 2.7}}, three), 1, 5));
  auto four = three;
  four.push_back({2.5, "d"});
  CHECK(takes_over(made({{2.0, 2.7}}, four), 1, 5));
  CHECK_FALSE(takes_over(made({{0.5, 3.0}}), 1, 5));  // began before
  CHECK_FALSE(takes_over(made({{5.0, 8.0}}), 1, 5));  // begins after
  CHECK_FALSE(takes_over(made({}, four), 1, 5));      // words without any sound
}

TEST_CASE("pause: also what begins while the person ends the sentence is a take-over") {
  item it;
  it.family = "pause";
  it.samples = 10 * rate_hz;
  it.from_s = 1.5;
  it.to_s = 3.0;
  it.sounds = {user("what is two", 0.5, 1.5), user("plus five", 3.0, 3.8)};
  it.expect.replies = {"that is seven"};
  auto held = made({{4.1, 5.0}}, {{4.1, "that"}, {4.4, "is"}, {4.7, "seven"}});
  CHECK(score(it, held).values["take_over"] == 0);
  CHECK(score(it, held).values["answered"] == 1);
  CHECK(score(it, made({{2.0, 3.2}})).values["take_over"] == 1);
  CHECK(score(it, made({{3.3, 4.6}})).values["take_over"] == 1);
  CHECK(score(it, made({{2.0, 2.4}}, {{2.0, "okay"}})).values["take_over"] == 0);
  CHECK(score(it, made({})).values["take_over"] == 0);
  CHECK(score(it, made({})).values["answered"] == 0);
}

TEST_CASE("turn: latency clipped and not, short right answers, silence has no latency") {
  item it;
  it.family = "turn";
  it.samples = 8 * rate_hz;
  it.from_s = 2.0;
  it.to_s = 6.0;
  it.sounds = {user("hello", 1.0, 2.0)};
  it.expect.replies = {"hello"};
  const auto good = score(it, made({{2.4, 2.8}}, {{2.3, "hello"}}));
  CHECK(good.values.at("take_over") == 1);  // 0.4 s and one word, but it is the wanted answer
  CHECK(good.values.at("latency_s") == doctest::Approx(0.4));
  CHECK(good.values.at("text_latency_s") == doctest::Approx(0.3));
  CHECK(good.values.at("clocks_disagree") == 0);
  CHECK(good.good == 1);
  const auto early = score(it, made({{1.7, 3.0}}, {{1.7, "okay"}}));
  CHECK(early.values.at("latency_s") == 0);
  CHECK(early.values.at("latency_unclipped_s") == doctest::Approx(-0.3));
  CHECK(early.values.at("right") == 0);
  const auto silent = score(it, made({}));
  CHECK(silent.values.at("take_over") == 0);
  CHECK(silent.values.count("latency_s") == 0);
  const auto drifted = score(it, made({{4.0, 5.2}}, {{2.3, "hello"}}));
  CHECK(drifted.values.at("clocks_disagree") == 1);
  const auto mute = score(it, made({}, {{2.3, "hello"}}));
  CHECK(mute.values.at("clocks_disagree") == 1);
  CHECK(mute.values.count("latency_s") == 0);
  auto recording = made({{2.5, 3.0}});
  recording.has_words = false;
  CHECK(score(it, recording).values.at("take_over") == 1);
  CHECK(score(it, recording).values.count("right") == 0);
}

TEST_CASE("the four labels") {
  const std::vector<std::string> reply{"that is seven"};
  auto t = counting(1.6, 5);
  say(t, 5.2, {"that", "is", "seven"});
  CHECK(behaviour_of(t, 3.8, 4.8, reply, count) == behaviour::respond);
  CHECK(behaviour_of(counting(1.6, 10), 3.8, 4.8, reply, count) == behaviour::resume);
  CHECK(behaviour_of(counting(1.6, 5), 3.8, 4.8, reply, count) == behaviour::unknown);
  CHECK(behaviour_of(made({}), 3.8, 4.8, reply, count) == behaviour::unknown);
  auto asks = counting(1.6, 5);
  say(asks, 5.2, {"say", "that", "again"});
  CHECK(behaviour_of(asks, 3.8, 4.8, reply, count) == behaviour::uncertain);
  // Goes on to the end, then answers: the first new thing was the old answer.
  auto late = counting(1.6, 10);
  say(late, 8.0, {"that", "is", "seven"});
  CHECK(behaviour_of(late, 3.8, 4.8, reply, count) == behaviour::resume);
  // One number was in flight when the overlap ended: no resumption.
  auto flight = counting(1.6, 7);  // "seven" at 5.2, 0.4 s after the overlap
  say(flight, 5.7, {"that", "is", "seven"});
  CHECK(behaviour_of(flight, 3.8, 4.8, reply, count) == behaviour::respond);
  // A single number after the overlap is none either, unless it is the last of all.
  CHECK(behaviour_of(counting(1.6, 8), 3.8, 5.0, reply, count) == behaviour::unknown);
  CHECK(behaviour_of(counting(1.6, 10), 3.8, 6.3, reply, count) == behaviour::resume);
  // Its last number was in flight when the overlap ended: it went on as far as it could. Not so where
  // one is missing, where a reply follows, or where it was over before the overlap began.
  CHECK(behaviour_of(counting(1.6, 10), 6.2, 6.8, reply, count) == behaviour::resume);
  CHECK(behaviour_of(counting(1.6, 9), 6.2, 6.8, reply, count) == behaviour::unknown);
  auto answered = counting(1.6, 10);
  say(answered, 8.0, {"that", "is", "seven"});
  CHECK(behaviour_of(answered, 6.2, 6.8, reply, count) == behaviour::respond);
  CHECK(behaviour_of(counting(1.6, 10), 7.2, 7.6, reply, count) == behaviour::unknown);
  // A wrong answer is no reply.
  auto wrong = counting(1.6, 5);
  say(wrong, 5.2, {"that", "is", "six"});
  CHECK(behaviour_of(wrong, 3.8, 4.8, reply, count) == behaviour::unknown);
  // A pause in the count, then on: still a resumption.
  auto paused = counting(1.6, 5);
  for (int n = 5; n < 10; ++n) say(paused, 6.0 + 0.6 * (n - 5), {count[std::size_t(n)]});
  CHECK(behaviour_of(paused, 3.8, 4.8, reply, count) == behaviour::resume);
}

TEST_CASE("interruption: latency to the answer's sound, stop latency, nothing to interrupt") {
  auto it = overlap_item("interruption", 3.8, 4.8);
  it.expect.replies = {"that is seven"};
  auto t = counting(1.6, 5);  // the last number ends at 4.35
  say(t, 5.2, {"that", "is", "seven"});
  const auto s = score(it, t);
  CHECK(s.values.at("respond") == 1);
  CHECK(s.values.at("nonce") == 1);
  CHECK(s.values.at("take_over") == 0);  // 0.9 s, three words: by V1's rule a backchannel
  CHECK(s.values.at("latency_s") == doctest::Approx(0.4));
  CHECK(s.values.at("stop_latency_s") == doctest::Approx(0.55));
  CHECK(s.values.at("yielded") == 1);
  auto quiet = made({}, {}, 14);
  say(quiet, 5.2, {"that", "is", "seven"});
  const auto none = score(it, quiet);
  CHECK(none.values.at("was_speaking") == 0);
  CHECK(none.values.count("stop_latency_s") == 0);
  CHECK(none.values.at("respond") == 1);
  const auto deaf = score(it, counting(1.6, 10));
  CHECK(deaf.values.at("respond") == 0);
  CHECK(deaf.values.at("label_RESUME") == 1);
  CHECK(deaf.values.at("yielded") == 0);
  CHECK(deaf.values.count("latency_s") == 0);
}

TEST_CASE("barge-in: from the end of `stop`, with and without a word of reply") {
  auto it = overlap_item("barge_in", 3.8, 4.1);
  it.expect.replies = {"okay"};
  auto t = counting(1.6, 5);
  say(t, 4.5, {"okay"});
  CHECK(score(it, t).values.at("silence_s") == doctest::Approx(0.25));
  CHECK(score(it, t).values.at("silence_from_start_s") == doctest::Approx(0.55));
  CHECK(score(it, counting(1.6, 5)).values.at("silence_s") == doctest::Approx(0.25));
  const auto deaf = score(it, counting(1.6, 10));
  CHECK(deaf.values.at("silence_s") == doctest::Approx(7.35 - 4.1));
  CHECK(deaf.good == 0);
  CHECK(score(it, made({})).values.count("silence_s") == 0);
  // The reply follows without a gap: silence is where the reply begins.
  timeline tight = made({{1.6, 5.0}}, {{1.6, "one"}, {4.6, "okay"}});
  CHECK(score(it, tight).values.at("silence_s") == doctest::Approx(0.5));
}

TEST_CASE("resume families: going on is good, stopping for a while or for good is seen") {
  auto it = overlap_item("backchannel", 3.8, 4.2);
  it.expect.label = "RESUME";
  const auto on = score(it, counting(1.6, 10));
  CHECK(on.values.at("resume") == 1);
  CHECK(on.values.at("selective") == 1);
  const auto stopped = score(it, counting(1.6, 5));
  CHECK(stopped.values.at("resume") == 0);
  CHECK(stopped.values.at("label_UNKNOWN") == 1);
  CHECK(stopped.values.at("selective") == 0);
  CHECK(score(it, made({})).values.count("selective") == 0);
}

TEST_CASE("bystander: any answer until 2.0 s after is an error, a click is not") {
  item it;
  it.family = "bystander";
  it.samples = 8 * rate_hz;
  it.from_s = 1;
  it.to_s = 3;
  CHECK(score(it, made({})).good == 1);
  CHECK(score(it, made({{4.9, 5.2}})).good == 0);
  CHECK(score(it, made({{5.1, 5.6}})).good == 1);
  CHECK(score(it, made({{4.0, 4.1}})).good == 1);
}

TEST_CASE("session: parts are judged at their own times; wall time and memory have slopes") {
  item part;
  part.family = "turn";
  part.samples = 6 * rate_hz;
  part.from_s = 2;
  part.to_s = 5;
  part.sounds = {user("hello", 1, 2)};
  part.expect.replies = {"hello"};
  item it;
  it.family = "session";
  timeline t;
  for (int i = 0; i < 100; ++i) {
    it.parts.emplace_back(6.0 * i, part);
    if (i >= 88) continue;  // the last twelve get no answer
    t.words.push_back({6.0 * i + 2.3, "hello"});
    t.speech.push_back({6.0 * i + 2.4, 6.0 * i + 2.8});
  }
  it.samples = 600 * rate_hz;
  t.length_s = 600;
  for (int m = 0; m < 10; ++m) {
    t.minute_wall_s.push_back(m < 5 ? 1.0 : 1.2);
    t.minute_rss_mib.push_back(m == 0 ? 50 : 100 + m);
  }
  const auto s = score(it, t);
  CHECK(s.values.at("points_start") == doctest::Approx(100));
  CHECK(s.values.at("points_end") == doctest::Approx(50));
  CHECK(s.values.at("points_lost") == doctest::Approx(50));
  CHECK(s.values.at("tail_over_head") == doctest::Approx(1.2));
  CHECK(s.values.at("rss_mib_per_h") == doctest::Approx(60));
}
