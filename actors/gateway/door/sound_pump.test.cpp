#include "actors/gateway/door/sound_pump.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace hocket::gateway;

namespace {

/// A client of a clock in milliseconds, at one sample each, whose pieces come when a test says.
struct talker {
  explicit talker(sound_pump::limits l = {}) : pump(1000, l) {}
  /// So many pieces, one each time the last one is over; each comes `late` ms after it was spoken.
  void says(int pieces, std::int64_t length, float loud = 1.0f, std::int64_t late = 0) {
    for (int i = 0; i < pieces; ++i) {
      spoken += length;
      arrives(length, spoken + late, loud);
    }
  }
  void arrives(std::int64_t length, std::int64_t at, float loud = 1.0f) {
    const auto now = last = std::max(last, at);  // in order
    pump.put(std::vector<float>(static_cast<std::size_t>(length), loud), now);
    while (const auto piece = pump.take(now)) {
      const auto from = piece->first_sample;
      const auto to = from + static_cast<std::int64_t>(piece->samples.size());
      if (end > 0 && from > end) ++gaps;
      CHECK(from >= end);
      if (to / 200 > end / 200 && end > 0) {
        const auto border = to - to % 200;
        slowest = std::max(slowest, now - border);
        earliest = std::max(earliest, border - now);
      }
      end = to;
      delay = to - spoken;
    }
  }
  sound_pump pump;
  std::int64_t spoken = 0, last = 0, end = 0, delay = 0;
  std::int64_t slowest = -1'000, earliest = -1'000;  ///< completed so long after, before its end
  int gaps = 0;
};

}  // namespace

TEST_CASE(
    "a micro-turn is complete just before its end, wherever the pieces lie and however long") {
  for (const std::int64_t length : {10, 20, 40, 50, 100, 200})
    for (const std::int64_t begins : {1000, 1001, 1013, 1037, 1099, 1199}) {
      CAPTURE(length);
      CAPTURE(begins);
      talker t;
      t.spoken = begins;
      t.says(static_cast<int>(2'000 / length), length);
      CHECK(t.gaps == 0);
      CHECK(t.slowest <= 0);       // never late
      CHECK(t.earliest < length);  // no piece could have completed it later
      CHECK(t.delay < length);     // each sample waits less than its piece took to be spoken
    }
}

TEST_CASE("pieces that end where a micro-turn does are heard at once") {
  talker t;
  t.spoken = 1000;
  t.says(10, 200);
  CHECK(t.delay == 0);
}

TEST_CASE("pieces that do not divide a micro-turn are put where they come") {
  talker t;
  t.spoken = 1000;
  t.says(40, 32);
  CHECK(t.gaps == 0);
  CHECK(t.delay == 32);
  CHECK(t.slowest <= 0);
}

TEST_CASE("what is late within its micro-turn costs nothing, and a little after it neither") {
  talker t;
  t.spoken = 1000;
  t.says(10, 20);
  const auto delay = t.delay;
  t.says(1, 20, 1.0f, 90);  // ten pieces to go until the end of the micro-turn
  t.says(8, 20);
  CHECK(t.gaps == 0);
  t.says(1, 20, 1.0f, 15);  // completes it, while the micro-turn still waits
  CHECK(t.gaps == 0);
  t.says(5, 20);
  CHECK(t.gaps == 0);
  CHECK(t.delay == delay);
  CHECK(t.pump.margin_ms() == 0);
}

TEST_CASE("what comes too late is heard after a gap, and what is so late again without one") {
  talker t;
  t.spoken = 1000;
  t.says(9, 20);
  t.says(1, 20, 1.0f, 50);  // it would have completed the micro-turn
  CHECK(t.gaps == 1);
  CHECK(t.pump.margin_ms() == 20);
  for (int i = 0; i < 5; ++i) {
    t.says(9, 20);
    t.says(1, 20, 1.0f, 50);
  }
  CHECK(t.gaps == 1);
  CHECK(t.delay >= 30);
}

TEST_CASE("what lay back for no reason catches up where it is silent, to what gaps have taught") {
  talker t;
  t.spoken = 1000;
  t.says(9, 20);
  t.says(1, 20, 1.0f, 90);
  const auto back = t.delay;
  CHECK(back >= 90);
  t.says(60, 20);
  CHECK(t.delay == back);  // nothing that is said is left out
  t.says(60, 20, 0.0f);
  CHECK(t.delay <= 20 + 20);
  CHECK(t.delay >= 20);
  CHECK(t.gaps == 1);
  t.says(1'100, 20, 0.0f);  // long without a gap: that is forgotten, too
  CHECK(t.delay < 20);
  CHECK(t.pump.margin_ms() == 0);
  CHECK(t.gaps == 1);
}

TEST_CASE("a first piece that was late is no reason to lie back") {
  talker t;
  t.spoken = 1000;
  t.says(1, 20, 0.0f, 75);
  t.says(50, 20, 0.0f);
  CHECK(t.delay < 20);
  CHECK(t.gaps == 0);
}

TEST_CASE("a network that is uneven all the time is heard without gaps after a few") {
  talker t;
  t.spoken = 1000;
  std::uint32_t state = 1;
  const auto uneven = [&](int pieces) {
    for (int i = 0; i < pieces; ++i) {
      state = state * 1664525u + 1013904223u;
      t.spoken += 20;
      t.arrives(20, t.spoken + static_cast<std::int64_t>(state >> 16) % 100);
    }
  };
  uneven(500);
  const int learnt = t.gaps;
  CHECK(learnt <= 5);
  uneven(1'000);
  CHECK(t.gaps == learnt);
  CHECK(t.delay <= 120);
}

TEST_CASE("after a stall, sound is on time again as soon as it was silent for as long") {
  talker t;
  t.spoken = 1000;
  t.says(10, 40);
  t.spoken += 400;  // the network stood still, and then all of it comes
  t.arrives(400, t.spoken);
  t.says(10, 40);
  CHECK(t.delay >= 240);  // nothing that was said is left out
  t.says(40, 40, 0.0f);
  CHECK(t.delay < 40 + 20);
}

TEST_CASE("sound comes onto the clock: recorded, and after a pause") {
  sound_pump p(1000, {.ahead_ms = 3000});
  const auto put = [&](std::size_t n, std::int64_t now) {
    return p.put(std::vector<float>(n, 1.0f), now);
  };
  CHECK(!p.take(500));
  put(40, 1000);
  CHECK(p.take(1000)->first_sample == 960);
  put(40, 3000);  // nobody spoke
  CHECK(p.take(3000)->first_sample == 2960);
  put(1000, 3060);  // recorded, not just said: it leaves at the pace of the clock
  auto piece = p.take(3060);
  REQUIRE(piece);
  CHECK(piece->first_sample == 3000);
  CHECK(piece->samples.size() == 300);
  CHECK(p.take(3160)->samples.size() == 100);
  CHECK(put(4000, 3160) == 1600);
  CHECK(p.waiting() == 3000);
}

TEST_CASE("what comes before the conversation stands is heard when it does") {
  sound_pump p(1000);
  for (int i = 0; i < 20; ++i) p.put(std::vector<float>(40, 1.0f), 1040 + 40 * i);
  auto piece = p.take(1810);
  REQUIRE(piece);
  CHECK(piece->first_sample == 1800);  // not in a micro-turn that is over
  CHECK(piece->samples.size() == 250);
  CHECK(p.waiting() == 550);
  for (int i = 0; i < 5; ++i) {
    p.put(std::vector<float>(40, 1.0f), 1840 + 40 * i);
    CHECK(p.take(1840 + 40 * i)->samples.size() >= 30);
  }
}
