#include "actors/pace/pace.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

constexpr std::int64_t rate = 16000, turn = 3200;

/// A voice of 150 Hz with five syllables a second, so that joining has something to go by.
std::vector<float> voice(std::int64_t from, std::int64_t frames) {
  std::vector<float> out(static_cast<std::size_t>(frames));
  for (std::int64_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(from + i) / rate;
    double v = 0;
    for (int h = 1; h <= 8; ++h) v += std::sin(2 * std::numbers::pi * 150 * h * t) / h;
    out[static_cast<std::size_t>(i)] =
        static_cast<float>(0.1 * v * (1.2 + std::sin(2 * std::numbers::pi * 5 * t)));
  }
  return out;
}

/// A conversation in micro-turns; what came out of it, from sample 0.
struct talk {
  explicit talk(std::vector<setting> more = {})
      : h(type_of<pace::pace>(), {.config = settings(std::move(more))}) {
    REQUIRE(h.open());
  }
  void hand_over(std::vector<float> samples) {
    const auto first = turns++ * turn;
    REQUIRE(h.push("audio", timestamp::of_samples(first, rate),
                   audio_chunk{16000, 1, first, buffer::take(std::move(samples))}));
    pass();
  }
  void speak(int micro_turns) {
    for (int i = 0; i < micro_turns; ++i) hand_over(voice(turns * turn, turn));
  }
  void be_silent(int micro_turns) {
    for (int i = 0; i < micro_turns; ++i) hand_over(std::vector<float>(turn, 0.0f));
  }
  void pass() {
    REQUIRE(h.advance(std::chrono::milliseconds(200)));
    collect();
  }
  void collect() {
    for (const auto& p : h.take("audio")) {
      const auto& c = *p.get_if<audio_chunk>();
      CHECK(c.first_sample == static_cast<std::int64_t>(heard.size()));
      const auto samples = c.samples.as<float>();
      heard.insert(heard.end(), samples.begin(), samples.end());
    }
  }
  void ask(const char* wanted) { REQUIRE(h.push("pace", h.now(), text{wanted, "manner"})); }
  /// From the first to the last frame that can be heard, and the longest silence between.
  double sounding_s() const {
    std::int64_t first = -1, last = -1;
    for (std::size_t i = 0; i < heard.size(); ++i)
      if (std::fabs(heard[i]) > 0.003f)
        first = first < 0 ? std::ssize(heard) * 0 + static_cast<std::int64_t>(i) : first,
        last = static_cast<std::int64_t>(i);
    return first < 0 ? 0 : static_cast<double>(last + 1 - first) / rate;
  }
  double longest_hole_s() const {
    std::int64_t longest = 0, since = 0;
    bool began = false;
    for (const float v : heard) {
      if (std::fabs(v) > 0.003f)
        longest = began ? std::max(longest, since) : 0, since = 0, began = true;
      else
        ++since;
    }
    return static_cast<double>(longest) / rate;
  }
  harness h;
  std::int64_t turns = 0;
  std::vector<float> heard;
};

/// By autocorrelation, of the second half.
double pitch_hz(const std::vector<float>& v) {
  const auto from = v.size() / 2;
  double best = 0;
  std::size_t at = 0;
  for (std::size_t lag = 80; lag < 200; ++lag) {
    double sum = 0;
    for (std::size_t i = from; i + lag < std::min(v.size(), from + 4000); ++i)
      sum += v[i] * v[i + lag];
    if (sum > best) best = sum, at = lag;
  }
  return static_cast<double>(rate) / static_cast<double>(at);
}

}  // namespace

TEST_CASE("a voice passes as it is, bit by bit, until somebody asks for another pace") {
  talk t;
  t.speak(5);
  t.be_silent(3);
  auto want = voice(0, 5 * turn);
  want.resize(8 * turn, 0.0f);
  CHECK(t.heard == want);
}

TEST_CASE(
    "more slowly it lasts longer at the same pitch, without holes, in as much sound as came in") {
  for (const auto& [wanted, pace] :
       {std::pair{"0.8", 0.8}, {"0.64", 0.64}, {"0.5", 0.5}, {"0.95", 0.95}}) {
    CAPTURE(wanted);
    talk t;
    t.ask(wanted);
    t.speak(15);
    t.be_silent(20);
    CHECK(t.heard.size() == 35 * turn);
    CHECK(t.sounding_s() == doctest::Approx(3.0 / pace).epsilon(0.04));
    CHECK(t.longest_hole_s() < 0.005);
    CHECK(pitch_hz({t.heard.begin() + 2 * turn, t.heard.begin() + 12 * turn}) ==
          doctest::Approx(150).epsilon(0.02));
    CHECK(t.h.counter("paces") == 1);
  }
}

TEST_CASE("what is behind is caught up in pauses, and the voice is its own again when asked") {
  talk t;
  t.ask("0.5");
  t.speak(5);      // 2 s of sound
  t.be_silent(5);  // of which half is silence that is left out
  const auto before = t.heard.size();
  t.ask("1");
  t.be_silent(5);
  t.speak(4);
  CHECK(std::vector<float>(t.heard.end() - 4 * turn, t.heard.end()) == voice(15 * turn, 4 * turn));
  CHECK(before == 10 * turn);
}

TEST_CASE("who is too far behind speaks at his own pace, and nothing is lost") {
  talk t({{"behind_ms", 1000}});
  t.ask("0.5");
  t.speak(30);
  t.be_silent(20);
  CHECK(t.h.counter("hurried_samples") > 0);
  CHECK(t.h.counter("dropped_samples") == 0);
  CHECK(t.sounding_s() > 6.8);
  CHECK(t.sounding_s() < 7.6);
  CHECK(t.longest_hole_s() < 0.005);
}

TEST_CASE("an interruption drops what waits, softly") {
  talk t;
  t.ask("0.5");
  t.speak(5);
  const auto before = t.heard.size();
  REQUIRE(t.h.control_packet("audio", control{control::kind::interrupt, "", 0}));
  t.be_silent(3);
  CHECK(t.h.counter("dropped_samples") > 10000);
  CHECK(std::vector<float>(t.heard.begin() + static_cast<std::ptrdiff_t>(before) + 80,
                           t.heard.end()) == std::vector<float>(3 * turn - 80, 0.0f));
}

TEST_CASE("a word of the person after the model fell silent interrupts what waits") {
  const auto after = [](const char* heard, const char* said) {
    talk t;
    t.ask("0.5");
    REQUIRE(t.h.push("said", t.h.now(), text{said, "model"}));
    t.speak(10);
    t.be_silent(2);
    REQUIRE(t.h.push("heard", t.h.now(), text{heard, "heard"}));
    t.be_silent(10);
    return t.h.counter("dropped_samples") > 0;
  };
  CHECK(after("stop", "five"));
  CHECK(after("uh what", "five"));
  CHECK_FALSE(after("uh huh", "five"));
  CHECK_FALSE(after("Yes, okay.", "five"));
  CHECK_FALSE(after("Five.", "it is five"));
  CHECK_FALSE(after("five", "it is five"));  // the loudspeaker
  for (const bool goes_on : {true, false}) {
    CAPTURE(goes_on);
    talk t;
    t.ask("0.5");
    t.speak(10);
    REQUIRE(t.h.push("heard", t.h.now(), text{"stop", "heard"}));
    t.speak(goes_on ? 10 : 1);  // it still speaks: that is the model's to decide
    t.be_silent(8);
    CHECK((t.h.counter("dropped_samples") > 0) == !goes_on);
  }
}

TEST_CASE(
    "a model that hands over nothing while it is silent is spoken to its end; so are last words") {
  talk t;
  t.ask("0.5");
  t.speak(5);
  for (int i = 0; i < 8; ++i) t.pass();
  CHECK(t.sounding_s() == doctest::Approx(2.0).epsilon(0.04));
  t.turns = 13;
  t.speak(5);
  REQUIRE(t.h.close());
  t.collect();
  CHECK(t.heard.size() > 20 * turn);
}

TEST_CASE("sound that comes late, or whose clock begins anew, has no silence put into its words") {
  for (const std::int64_t late : {turn, 40 * turn}) {
    CAPTURE(late);
    talk t;
    t.ask("0.8");
    for (int i = 0; i < 40; ++i) t.pass();
    std::vector<float> heard;
    for (int i = 0; i < 40; ++i) {
      const auto first = (40 + i) * turn - late;
      const auto at = i * turn;
      REQUIRE(t.h.push(
          "audio", t.h.now(),
          audio_chunk{16000, 1, first,
                      buffer::take(i < 15 ? voice(at, turn) : std::vector<float>(turn, 0.0f))}));
      REQUIRE(t.h.advance(std::chrono::milliseconds(200)));
      for (const auto& p : t.h.take("audio")) {
        const auto samples = p.get_if<audio_chunk>()->samples.as<float>();
        heard.insert(heard.end(), samples.begin(), samples.end());
      }
    }
    t.heard = heard;
    CHECK(t.heard.size() < 60 * turn);
    CHECK(t.sounding_s() == doctest::Approx(3.0 / 0.8).epsilon(0.05));
    CHECK(t.longest_hole_s() < 0.005);
  }
}

TEST_CASE("small packets have no holes, the first words after an interruption neither") {
  talk t;
  t.ask("0.95");
  constexpr std::int64_t small = turn / 10;
  std::int64_t at = 0;
  const auto speak = [&](int packets) {
    for (int i = 0; i < packets; ++i, at += small) {
      REQUIRE(t.h.push("audio", timestamp::of_samples(at, rate),
                       audio_chunk{16000, 1, at, buffer::take(voice(at, small))}));
      REQUIRE(t.h.advance(std::chrono::milliseconds(20)));
      t.collect();
    }
  };
  speak(50);
  CHECK(t.longest_hole_s() < 0.005);
  REQUIRE(t.h.control_packet("audio", control{control::kind::interrupt, "", 0}));
  t.heard.resize(static_cast<std::size_t>(at));
  speak(5);
  const auto before = t.heard.size();
  speak(50);
  const std::vector<float> rest(t.heard.begin() + static_cast<std::ptrdiff_t>(before),
                                t.heard.end());
  t.heard = rest;
  CHECK(t.longest_hole_s() < 0.005);
}

TEST_CASE("sound in a form that nobody can stretch passes as it is") {
  talk t;
  t.ask("0.5");
  for (const auto& [hz, channels] : {std::pair{50, 1}, {16000, 40}, {400000, 1}}) {
    REQUIRE(t.h.push("audio", t.h.now(),
                     audio_chunk{hz, channels, 0, buffer::take(std::vector<float>(80, 0.1f))}));
    CHECK(t.h.take("audio").size() == 1);
  }
  CHECK(t.h.counter("wrong_format") == 3);
}

TEST_CASE(
    "each time it is slower than before, down to half; and as it began, not faster, when asked") {
  talk t({{"pace", 0.8}});
  t.ask("0.8");
  CHECK(t.h.counter("paces") == 1);
  for (int i = 0; i < 5; ++i) t.ask("0.8");
  CHECK(t.h.counter("paces") == 3);  // 0.64, 0.512, 0.5
  t.ask("1");
  t.speak(15);
  t.be_silent(20);
  CHECK(t.sounding_s() == doctest::Approx(3.0 / 0.8).epsilon(0.04));
}

TEST_CASE("a pace that is none is counted and left") {
  talk t;
  for (const char* wanted : {"", "fast", "0.4", "1.5", "nan", "0.8x", "-1"}) t.ask(wanted);
  CHECK(t.h.counter("bad_paces") == 7);
  t.speak(3);
  CHECK(t.heard == voice(0, 3 * turn));
}
