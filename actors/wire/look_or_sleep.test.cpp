#include "actors/wire/look_or_sleep.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace hocket::wire {
namespace {

/// What a wait takes when this end looks or sleeps, and the other one does.
struct machine {
  std::int64_t both_look, i_look, i_sleep, both_sleep;
  std::int64_t wait(bool i, bool other) const {
    return i ? (other ? both_look : i_look) : (other ? i_sleep : both_sleep);
  }
};
constexpr machine idle{4'000, 29'000, 29'000, 54'000};    // each wake-up takes 25 us
constexpr machine shared{100'000, 60'000, 6'000, 6'000};  // one core for both

/// How many of the last 1000 of `n` exchanges each end looked.
std::pair<int, int> looked(look_or_sleep& a, look_or_sleep& b, const machine& m, int n) {
  std::pair<int, int> out;
  for (int i = 0; i < n; ++i) {
    const bool x = a.looks(), y = b.looks();
    a.waited(m.wait(x, y));
    b.waited(m.wait(y, x));
    if (i >= n - 1000) out.first += x ? 1 : 0, out.second += y ? 1 : 0;
  }
  return out;
}

TEST_CASE("who has a core looks; who shares one with the other end sleeps; and back") {
  look_or_sleep a(100'000), b(100'000);
  CHECK(a.looks());
  auto n = looked(a, b, idle, 20'000);
  CHECK(n.first > 950);
  CHECK(n.second > 950);
  n = looked(a, b, shared, 20'000);
  CHECK(n.first < 50);
  CHECK(n.second < 50);
  n = looked(a, b, idle, 40'000);
  CHECK(n.first > 950);
  CHECK(n.second > 950);
}

TEST_CASE("where nothing is gained it is tried more and more rarely") {
  look_or_sleep a(100'000);
  int slept = 0;
  for (int i = 0; i < 200'000; ++i) {
    slept += a.looks() ? 0 : 1;
    a.waited(a.looks() ? 2'000 : 27'000);
  }
  CHECK(slept > 0);
  CHECK(slept < 200);  // one in a thousand
}

TEST_CASE("a pause of the traffic says nothing") {
  look_or_sleep a(100);
  for (int i = 0; i < 40; ++i) a.waited(10);
  for (int i = 0; i < 1000; ++i) a.waited(1'000'000'000'000);
  for (int i = 0; i < 22; ++i) a.waited(10);
  CHECK(a.looks());
}

}  // namespace
}  // namespace hocket::wire
