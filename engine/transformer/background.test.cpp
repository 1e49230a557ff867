#include "engine/transformer/background.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <new>
#include <stdexcept>

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
      background_work::divide(count, 7, 1, mark);
      for (const auto& d : done) CHECK(d == 1);
    }
  int calls = 0;  // outside of background work nothing is cut
  background_work::divide(100, 7, 1, [&](std::int64_t, std::int64_t) { ++calls; });
  CHECK(calls == 1);
}

TEST_CASE("turn_gate: work that may wait goes on when all holders are gone") {
  turn_gate gate;
  gate.pass();
  CHECK(gate.waits() == 0);
  std::atomic<bool> passed{false};
  std::thread background;
  const auto began = std::chrono::steady_clock::now();
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
    // Where this machine stood still for so long, it need not wait any more.
    const bool too_early = passed && std::chrono::steady_clock::now() - began <
                                         std::chrono::milliseconds(turn_gate::longest_ms);
    CHECK(!too_early);
  }
  background.join();
  CHECK(passed);
}

TEST_CASE("turn_gate: a holder that hangs does not stop others for ever") {
  turn_gate gate;
  const turn_gate::hold forever(gate);
  const auto began = std::chrono::steady_clock::now();
  std::thread([&] { gate.pass(); }).join();
  CHECK(gate.waits() == 1);
  // No upper bound: this machine may be busy.
  CHECK(std::chrono::steady_clock::now() - began >=
        std::chrono::milliseconds(turn_gate::longest_ms));
}

TEST_CASE("work_pool: what a part throws comes out of run, on whichever thread") {
  work_pool pool(2);
  const auto caller = std::this_thread::get_id();
  for (const bool on_caller : {true, false})
    for (int again = 0; again < 50; ++again) {
      CAPTURE(on_caller);
      std::atomic<int> begun{0};
      const auto part = [&](std::int64_t i) {
        if (i >= 2) return;
        ++begun;
        while (begun < 2) std::this_thread::yield();  // so each thread has one of the two
        if ((std::this_thread::get_id() == caller) == on_caller) throw std::bad_alloc();
      };
      CHECK_THROWS_AS(pool.run(100, part), std::bad_alloc);
      std::atomic<int> sum{0};  // the pool is as good as before
      pool.run(6, [&](std::int64_t i) { sum += static_cast<int>(1 << i); });
      CHECK(sum == 63);
    }
  CHECK_THROWS_AS(pool.run(8, [](std::int64_t) { throw std::runtime_error("each"); }),
                  std::runtime_error);
  work_pool alone(1);
  CHECK_THROWS_AS(alone.run(2, [](std::int64_t) { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST_CASE("work_pool: watched or not, small jobs and large ones, each part is done once") {
  work_pool pool(3);
  for (int pass = 0; pass < 30; ++pass) {
    const work_pool::watch under_way(pass % 3 == 0 ? nullptr : &pool);
    for (int job = 0; job < 50; ++job) {
      std::atomic<int> sum{0};
      pool.run(6, [&](std::int64_t i) { sum += static_cast<int>(1 << i); });
      CHECK(sum == 63);
    }
    if (pass % 10 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // all fall asleep
  }
}

TEST_CASE("work_pool: helpers sleep between passes, and during a long one without work") {
  work_pool pool(2);
  const auto used = [] {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  for (const bool watched : {false, true}) {
    const work_pool::watch under_way(watched ? &pool : nullptr);
    pool.run(4, [](std::int64_t) {});
    // The least of some: a machine that gives its processors away may charge us for it.
    double least = 1;
    for (int i = 0; i < 5 && least >= 0.05; ++i) {
      const double before = used();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      least = std::min(least, used() - before);
    }
    CHECK(least < 0.05);
  }
}

TEST_CASE("background_work: what is to stop stops, and only where it is asked to") {
  turn_gate gate;
  std::stop_source source;
  const auto token = source.get_token();
  background_work::pass_or_stop();
  const background_work here(&gate, nullptr, &token);
  background_work::pass_or_stop();
  source.request_stop();
  CHECK_THROWS_AS(background_work::pass_or_stop(), work_cancelled);
  background_work::pass();
}
