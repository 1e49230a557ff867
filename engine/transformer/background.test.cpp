#include "engine/transformer/background.hpp"

#include <set>

#include <doctest/doctest.h>

using namespace hocket::engine;

TEST_CASE("work_pool: each part is done once, job after job") {
  for (const int threads : {1, 2, 3}) {
    work_pool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::int64_t count : {0, 1, 2, 7, 100})
      for (int job = 0; job < 20; ++job) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
        pool.run(count, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
        for (const auto& d : done) CHECK(d == 1);
      }
  }
}

TEST_CASE("background_work: ranges cover everything once, with and without helpers") {
  work_pool pool(2);
  turn_gate gate;
  for (work_pool* helpers : {static_cast<work_pool*>(nullptr), &pool})
    for (const std::int64_t count : {1, 5, 64, 100}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
      const auto mark = [&](std::int64_t first, std::int64_t last) {
        for (auto i = first; i < last; ++i) ++done[static_cast<std::size_t>(i)];
      };
      const background_work here(&gate, helpers);
      background_work::divide(count, 7, mark);
      for (const auto& d : done) CHECK(d == 1);
    }
  int calls = 0;  // outside of background work nothing is cut
  background_work::divide(100, 7, [&](std::int64_t, std::int64_t) { ++calls; });
  CHECK(calls == 1);
}

TEST_CASE("turn_gate: work that may wait goes on when all holders are gone") {
  turn_gate gate;
  gate.pass();
  CHECK(gate.waits() == 0);
  std::atomic<bool> passed{false};
  std::thread background;
  {
    const turn_gate::hold first(gate);
    {
      const turn_gate::hold second(gate);
      background = std::thread([&] {
        const background_work here(&gate);
        background_work::pass();
        passed = true;
      });
      while (gate.waits() == 0) std::this_thread::yield();
    }
    CHECK(!passed);
  }
  background.join();
  CHECK(passed);
}

TEST_CASE("turn_gate: a holder that hangs does not stop others for ever") {
  turn_gate gate;
  const turn_gate::hold forever(gate);
  std::thread([&] { gate.pass(); }).join();
  CHECK(gate.waits() == 1);
}
