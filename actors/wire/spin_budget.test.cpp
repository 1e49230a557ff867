#include "actors/wire/spin_budget.hpp"

#include <doctest/doctest.h>

namespace hocket::wire {
namespace {

TEST_CASE("how long to look for a message follows how long messages take") {
  spin_budget b(100);
  CHECK(b.ns() == 0);  // nothing came yet
  b.waited(100);       // it was slept through, and would have been found
  CHECK(b.ns() == 100);
  b.waited(3);
  CHECK(b.ns() == 100);
  b.waited(101);
  CHECK(b.ns() == 50);
  for (int i = 0; i < 6; ++i) b.waited(20'000'000);  // a packet each 20 ms
  CHECK(b.ns() == 0);
  b.waited(60);
  CHECK(b.ns() == 100);
}

TEST_CASE("two ends that both fell asleep find each other awake again") {
  // Each answers at once; whoever sleeps is 30 late. The answer comes after both wake-ups.
  spin_budget a(100), b(100);
  std::int64_t waited = 0;
  for (int i = 0; i < 4; ++i) {
    const auto sleeps = [](const spin_budget& s, std::int64_t for_ns) { return s.ns() < for_ns; };
    const std::int64_t way = 5, wake = 30;
    waited = way + (sleeps(b, way) ? wake : 0) + way;
    if (sleeps(a, waited)) waited += wake;
    a.waited(waited);
    b.waited(waited);
  }
  CHECK(waited == 10);
}

}  // namespace
}  // namespace hocket::wire
