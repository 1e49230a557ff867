#include "actors/gateway/tinker/free_memory.hpp"

#include <utility>

#include <doctest/doctest.h>

using namespace hocket::tinker;
using namespace std::chrono_literals;

TEST_CASE("free memory is given back once when work rests, and now and then while it does not") {
  int given = 0;
  free_memory m([&] { ++given; });
  free_memory::clock::time_point now{};
  const auto pass = [&](bool is_busy, std::chrono::milliseconds time) {
    for (const auto end = now + time; now < end; now += 100ms) m.note(is_busy, now);
    return std::exchange(given, 0);
  };
  CHECK(pass(false, 1h) == 0);  // nothing was done
  CHECK(pass(true, 10s) == 0);
  CHECK(pass(false, 400ms) == 0);  // the next request may be on its way
  CHECK(pass(true, 10s) == 0);
  CHECK(pass(false, 1h) == 1);
  CHECK(pass(true, 3min) == 2);  // the third one is due
  CHECK(pass(false, 1h) == 1);
}
