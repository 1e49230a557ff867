#include "actors/host/actor/call_watch.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using hocket::host::call_watch;

TEST_CASE("a call that ends in time is nobody else's") {
  call_watch w;
  const auto id = w.begin(1000);
  CHECK(w.is_in_call());
  CHECK(!w.write_off(1500, 500));  // not longer than the limit
  CHECK(w.end(id, 1000, 1400));
  CHECK(!w.is_in_call());
  CHECK(!w.write_off(9000, 500));  // over
  CHECK(w.recent_max_ns() == 400);
  hocket::host::histogram::counts times{};
  std::int64_t busy_ns = 0;
  w.add_to(times, busy_ns);
  CHECK(busy_ns == 400);
}

TEST_CASE("a call that was written off does not end") {
  call_watch w;
  w.set_opening(true);
  const auto id = w.begin(1000);
  CHECK(w.write_off(1501, 500));
  CHECK(!w.write_off(1501, 500));  // once
  CHECK(!w.end(id, 1000, 2000));
  w.written_off_done();
  CHECK(!w.is_opening());
  SUBCASE("nor does it end the next one") {
    const auto next = w.begin(3000);
    CHECK(!w.end(id, 1000, 4000));
    CHECK(w.is_in_call());
    CHECK(w.end(next, 3000, 3100));
  }
}

TEST_CASE("whoever is still at work gets the time again") {
  call_watch w;
  w.begin(1000);
  w.renew(1400);
  CHECK(!w.write_off(1600, 500));
  CHECK(w.write_off(1901, 500));
}

TEST_CASE("worker and watchdog: each call ends once") {
  call_watch w;
  std::atomic<int> written_off{0};
  std::atomic<bool> over{false};
  std::thread watchdog([&] {
    while (!over.load())
      if (w.write_off(10, 1)) {
        w.written_off_done();
        ++written_off;
      }
  });
  int ended = 0, lost = 0;
  constexpr int calls = 200'000;
  for (int i = 0; i < calls; ++i) {
    if (const auto id = w.begin(0); w.end(id, 0, 5)) {
      ++ended;
      continue;
    }
    ++lost;
    while (written_off.load() < lost) {  // the cell is the watchdog's until then
    }
  }
  over = true;
  watchdog.join();
  CHECK(ended + written_off == calls);
}
