#include "actors/host/actor/pacing.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {
component_info of(int period_ms, bool ticks = false) {
  component_info info;
  info.period_ms = period_ms;
  info.ticks = ticks;
  info.source = true;
  return info;
}
const micro_turn_grid grid{std::chrono::milliseconds(200)};
}  // namespace

TEST_CASE("a source is called at multiples of its period, and at the end of each micro-turn") {
  const auto info = of(70);
  std::vector<std::int64_t> ms;
  for (timestamp t; ms.size() < 7;) {
    t = pacing::until_after(t, info, grid);
    ms.push_back(t.ns() / 1'000'000);
  }
  CHECK(ms == std::vector<std::int64_t>{70, 140, 200, 210, 280, 350, 400});
}

TEST_CASE("a source that begins late begins at the next period") {
  const auto info = of(20);
  pacing p(info);
  p.begin_at(timestamp::of_ms(1033), grid);
  CHECK(p.next_until() == timestamp::of_ms(1040));
  CHECK(!p.is_due());
  p.source_due(timestamp::of_ms(1060));
  CHECK(p.is_due());
  p.produced(p.next_until(), grid);
  CHECK(p.is_due());  // it catches up, one period a call
  p.produced(p.next_until(), grid);
  CHECK(!p.is_due());
}

TEST_CASE("ticks come one by one, from the micro-turn in which the cell began") {
  const auto info = of(20, true);
  pacing p(info);
  p.begin_at(timestamp::of_ms(650), grid);
  p.tick_due(2);  // of before
  CHECK(!p.has_tick());
  p.tick_due(4);
  CHECK(p.take_tick() == 3);
  CHECK(p.take_tick() == 4);
  CHECK(!p.has_tick());
}

TEST_CASE("a retiring source finishes what belongs to the time before its replacement") {
  const auto info = of(20);
  pacing p(info);
  p.begin_at(timestamp::of_ms(150), grid);
  p.retire_at(timestamp::of_ms(200));
  for (int i = 0; i < 3; ++i) {
    REQUIRE(p.must_finish_turn());
    p.produced(p.next_until(), grid);
  }
  CHECK(p.next_until() == timestamp::of_ms(220));
  CHECK(!p.must_finish_turn());
}

TEST_CASE("the end of a source is told once") {
  const auto info = of(20);
  pacing p(info);
  CHECK(p.set_ended());
  CHECK(!p.set_ended());
  CHECK(p.has_ended());
}
