#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "actors/wire/liveness.hpp"
#include "actors/wire/peer_clock.hpp"

using namespace hocket::wire;

namespace {
constexpr std::int64_t ms = 1'000'000, s = 1'000'000'000;

/// Two clocks and a network between them, all made up.
struct simulation {
  double drift_ppm = 0;
  std::int64_t offset_ns = 0;
  std::int64_t there_ns = 100'000, back_ns = 100'000, jitter_ns = 0;
  std::mt19937_64 random{7};

  std::int64_t theirs(std::int64_t ours) const {
    return ours + offset_ns +
           static_cast<std::int64_t>(static_cast<double>(ours) * drift_ppm * 1e-6);
  }
  std::int64_t jitter() {
    return jitter_ns == 0
               ? 0
               : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jitter_ns));
  }
  void exchange(peer_clock& c, std::int64_t at) {
    const auto arrives = at + there_ns + jitter();
    const auto answers = arrives + 30 * ms;
    const auto back = answers + back_ns + jitter();
    c.exchange(at, theirs(arrives), theirs(answers), back);
  }
};

}  // namespace

TEST_CASE("the clock estimate is within its uncertainty under drift, jitter and asymmetry") {
  for (const double drift : {0.0, 40.0, -60.0})
    for (const std::int64_t jitter : {std::int64_t{0}, 2 * ms, 300 * ms})
      for (const std::int64_t back : {std::int64_t{100'000}, 20 * ms}) {
        CAPTURE(drift);
        CAPTURE(jitter);
        CAPTURE(back);
        simulation world;
        world.drift_ppm = drift;
        world.offset_ns = 123 * s;
        world.jitter_ns = jitter;
        world.back_ns = back;
        peer_clock clock;
        for (std::int64_t t = s; t < 200 * s; t += 250 * ms) {
          world.exchange(clock, t);
          const auto now = t + 240 * ms;
          const auto status = clock.status(now);
          const auto truth = world.theirs(now) - now;
          REQUIRE(std::abs(status.offset_ns - truth) <= status.uncertainty_ns);
        }
        CHECK(clock.jumps() == 0);
        CHECK(clock.status(200 * s).uncertainty_ns <= (100'000 + back + jitter) / 2 + 6 * ms);
        if (jitter <= 2 * ms) CHECK(std::abs(clock.status(200 * s).drift_ppm - drift) < 30);
      }
}

TEST_CASE("a clock that jumps is noticed and the estimate follows at once") {
  simulation world;
  world.offset_ns = 5 * s;
  peer_clock clock;
  for (std::int64_t t = s; t < 10 * s; t += 250 * ms) world.exchange(clock, t);
  world.offset_ns = -3 * s;
  world.exchange(clock, 10 * s);
  CHECK(clock.jumps() == 1);
  CHECK(clock.status(10 * s).jumps == 1);
  CHECK(std::abs(clock.to_ours(-2 * s) - s) < ms);
}

TEST_CASE("time stamps that contradict themselves are left out") {
  peer_clock clock;
  clock.exchange(10, 5, 4, 20);                        // answered before it came
  clock.exchange(10, 5, 100, 20);                      // held longer than the round trip
  clock.exchange(-1, 0, 0, 1);                         // before zero
  clock.exchange(INT64_MAX, INT64_MIN, INT64_MAX, 0);  // nonsense
  CHECK(clock.status(0).samples == 0);
  CHECK_FALSE(clock.is_ours(false));
  CHECK(clock.is_ours(true));
  clock.exchange(1000, 900'000'000, 900'000'000, 3000);
  CHECK_FALSE(clock.is_ours(true));  // one machine, but another clock: a time namespace
}

TEST_CASE("each lane is judged by itself") {
  liveness live(1500 * ms);
  live.begin(0);
  CHECK(live.judge(700 * ms) == liveness::verdict::alive);
  for (std::int64_t t = 0; t <= 1400 * ms; t += 100 * ms) live.heard_data(t);
  CHECK(live.judge(1400 * ms) == liveness::verdict::suspect);
  live.heard_control(1400 * ms);
  CHECK(live.judge(1450 * ms) == liveness::verdict::alive);
  for (std::int64_t t = 1500 * ms; t <= 4000 * ms; t += 100 * ms) live.heard_control(t);
  CHECK(live.judge(4000 * ms) == liveness::verdict::dead);
  CHECK(live.data_silent_ns(4000 * ms) == 2600 * ms);
  live.forgive(2500 * ms, 4000 * ms);
  CHECK(live.judge(4000 * ms) == liveness::verdict::alive);
  // What was heard on waking is not moved into the future: silence from then on counts at once.
  CHECK(live.control_silent_ns(4000 * ms) == 0);
  CHECK(live.judge(5500 * ms) == liveness::verdict::dead);
}

TEST_CASE("waiting times grow, stay below their limit, and differ") {
  backoff a(20 * ms, 400 * ms, 1), b(20 * ms, 400 * ms, 2);
  bool differ = false;
  for (int i = 0; i < 20; ++i) {
    const auto t = a.next_ns();
    const auto top = std::min<std::int64_t>(400, 20 << std::min(i, 10)) * ms;
    CHECK(t >= top / 2);
    CHECK(t <= top);
    differ = differ || b.next_ns() != t;
  }
  CHECK(differ);
  a.reset();
  CHECK(a.next_ns() <= 20 * ms);
}
