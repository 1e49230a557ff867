// What a snapshot says for those who look for trouble: `hocket doctor`, metrics.
#include <condition_variable>
#include <mutex>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// Holds whoever passes until it is opened.
struct gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  void pass() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
  }
  void let_go() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

}  // namespace

TEST_CASE("a snapshot shows the call that lasts, the full queue and the sender that waits") {
  auto held = std::make_shared<gate>();
  plan_maker g;
  g.add("src", 0, 1, counter_source(1 << 30));
  g.source("src", 1);
  g.add("slow", 1, 0, [held] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [held](std::size_t, const packet&, emitter&) -> result<void> {
      held->pass();
      return {};
    };
    return c;
  });
  g.info("slow").blocking = true;
  g.actor("slow").watchdog_ms = 0;
  g.link("src", 0, "slow", 0, {.size = 4});
  const auto p = g.make();
  auto run = runtime::start(p, g.types, {});
  REQUIRE(run);
  CHECK(eventually([&] {
    const auto s = (*run)->status();
    return s.links[0].waiting_ms > 20 && s.actors[1].call_ms > 20;
  }));
  const auto s = (*run)->status();
  CHECK(s.links[0].queue_size == 4);
  CHECK(s.links[0].full == full_policy::block);
  CHECK(s.links[0].in_flight >= 4);
  CHECK(s.actors[0].call_ms == 0);
  CHECK(s.actors[0].state == actor_state::blocked);
  held->let_go();
  CHECK(eventually([&] { return (*run)->status().actors[1].handlers.count > 10; }));
  const auto later = (*run)->status();
  CHECK(later.actors[1].handlers.sum_s > 0.02);  // the long call
  CHECK(later.actors[1].handlers.below.back() == later.actors[1].handlers.count);
  (*run)->stop();
  CHECK((*run)->wait().last.law_holds());
}

TEST_CASE("restarts count within their window") {
  plan_maker g;
  g.add("src", 0, 1, counter_source(6));
  g.source("src", 20);
  g.add("weak", 1, 0, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [](std::size_t, const packet& p, emitter&) -> result<void> {
      if (p.header.seq % 2 == 0) return fail("test.weak", "even numbers are too much");
      return {};
    };
    return c;
  });
  g.actor("weak").restart = {.max = 5, .within_s = 60, .backoff_ms = 1};
  g.link("src", 0, "weak", 0);
  const auto end = run_plan(g, true);
  const auto& weak = end.last.actors[1];
  CHECK(weak.restarts == 3);
  CHECK(weak.restarts_in_window == 3);
  CHECK(weak.restart_max == 5);
  CHECK(weak.restart_within_s == 60);
}

TEST_CASE("what was counted stays counted when a conversation is closed") {
  plan_maker g;
  g.add("src", 0, 1, counter_source(1 << 30));
  g.source("src", 2);
  g.add("end", 1, 0, [] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_packet = [self](std::size_t, const packet&, emitter&) -> result<void> {
      self->where.count("seen", 1);
      return {};
    };
    return c;
  });
  g.link("src", 0, "end", 0);
  const auto p = g.make();
  auto run = runtime::start(p, g.types, {});
  REQUIRE(run);
  const auto second = (*run)->open_session();
  REQUIRE(eventually([&] { return (*run)->status().actors[1].packets_in > 20; }));
  snapshot before = (*run)->status();
  (*run)->close_session(second);
  REQUIRE(eventually([&] {
    const auto now = (*run)->status();
    for (std::size_t a = 0; a < 2; ++a) {
      CHECK(now.actors[a].packets_in >= before.actors[a].packets_in);
      CHECK(now.actors[a].packets_out >= before.actors[a].packets_out);
      CHECK(now.actors[a].handlers.count >= before.actors[a].handlers.count);
    }
    before = now;
    return now.sessions == 1;
  }));
  const auto& end = before.actors[1];
  REQUIRE(end.counters.size() == 1);
  CHECK(end.counters[0].second > 20);
  (*run)->stop();
  CHECK((*run)->wait().last.law_holds());
}
