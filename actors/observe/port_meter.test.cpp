#include "actors/observe/port_meter.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::observe;

namespace {
constexpr std::int64_t ms = 1'000'000;
constexpr auto one = static_cast<session_id>(1), two = static_cast<session_id>(2);
}  // namespace

TEST_CASE(
    "a meter tells rate, regularity and bytes, of all time and of the time since it was read") {
  port_meter m(0);
  for (int i = 0; i < 5; ++i) m.note("a.out", one, 100, (10 + 20 * i) * ms);
  CHECK(m.whole().packets == 5);
  CHECK(m.whole().bytes == 500);
  CHECK(m.whole().mean_ms == doctest::Approx(20));
  CHECK(m.whole().jitter_ms() == doctest::Approx(0));
  const auto [first, first_ns] = m.take(100 * ms);
  CHECK(first.packets == 5);
  CHECK(first_ns == 100 * ms);
  m.note("a.out", one, 10, 100 * ms);
  m.note("a.out", one, 10, 140 * ms);
  const auto [then, then_ns] = m.take(200 * ms);
  CHECK(then.packets == 2);
  CHECK(then.bytes == 20);
  CHECK(then_ns == 100 * ms);
  CHECK(then.least_ms == doctest::Approx(10));
  CHECK(then.most_ms == doctest::Approx(40));
  CHECK(then.mean_ms == doctest::Approx(25));
  CHECK(then.jitter_ms() == doctest::Approx(21.2132));
  CHECK(m.take(200 * ms).first.packets == 0);
  CHECK(m.whole().packets == 7);
}

TEST_CASE("intervals are those of one stream: who alternates is not twice as regular") {
  port_meter m(0);
  for (int i = 0; i < 6; ++i) m.note("a.out", i % 2 == 0 ? one : two, 1, i * 10 * ms);
  CHECK(m.whole().intervals == 4);
  CHECK(m.whole().mean_ms == doctest::Approx(20));
  m.note("b.out", one, 1, 61 * ms);
  CHECK(m.whole().intervals == 4);
}
