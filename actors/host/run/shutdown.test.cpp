#include "actors/host/run/run_plan.test.hpp"

namespace hocket::host {
namespace {

using namespace testing;

/// Says its stream time at each tick, as a recorder or a playout does until the end.
plan_maker::maker ticker() {
  return [] {
    auto c = std::make_unique<lambda_component>();
    c->on_tick = [](std::int64_t k, emitter& out) -> result<void> {
      out.emit(0, timestamp::of_ms(k * 200), word("tick"));
      return {};
    };
    return c;
  };
}

/// Answers each packet `ticks` ticks later, and says meanwhile that it is not done.
plan_maker::maker slow_worker(int ticks) {
  return [ticks] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    struct state {
      int left = 0;
      std::shared_ptr<const void> unfinished;
    };
    auto s = std::make_shared<state>();
    c->on_packet = [self, s, ticks](std::size_t, const packet&, emitter&) -> result<void> {
      s->left = ticks;
      s->unfinished = self->where.hold();
      return {};
    };
    c->on_tick = [self, s](std::int64_t, emitter& out) -> result<void> {
      if (s->left == 0 || --s->left > 0) return {};
      out.emit(0, self->where.time->now(), word("done"));
      s->unfinished.reset();
      return {};
    };
    return c;
  };
}

// ping gets back what pong says, and both hear a clock that never stops.
plan_maker ring_with_ticks() {
  plan_maker g;
  g.add("src", 0, 1, counter_source(10));
  g.source("src", 5);
  g.add("ping", 2, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [](std::size_t port, const packet& p, emitter& out) -> result<void> {
      if (port == 0) out.emit(0, p.header.ts, word(p.get_if<text>()->value));
      return {};
    };
    return c;
  });
  g.link("src", 0, "ping", 0);
  return g;
}

}  // namespace

TEST_CASE("ticks do not hold the end up") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto g = ring_with_ticks();
    g.add("pong", 1, 1, relay());
    g.link("ping", 0, "pong", 0);
    g.link("pong", 0, "ping", 1, {}, true);
    g.add("clock", 1, 1, ticker());
    g.info("clock").ticks = true;
    g.add("sink", 1, 0, listener(std::make_shared<notebook>()));
    g.link("ping", 0, "clock", 0);
    g.link("clock", 0, "sink", 0);
    runtime_options o;
    o.drain_limit_s = 300;
    const auto done = run_plan(g, virtual_time, o);
    CHECK(done.why == end_reason::finished);
    CHECK(done.last.now.seconds() < 60);
    CHECK(done.last.links[2].delivered == 10);
  }
}

TEST_CASE("the end waits for whoever holds work, over links and back edges") {
  for (const bool virtual_time : {true, false}) {
    for (const bool back_edge : {true, false}) {
      CAPTURE(virtual_time);
      CAPTURE(back_edge);
      auto book = std::make_shared<notebook>();
      auto g = ring_with_ticks();
      g.add("worker", 1, 1, slow_worker(4));
      g.info("worker").ticks = true;
      g.add("sink", 1, 0, listener(book));
      g.link("ping", 0, "worker", 0);
      g.link("worker", 0, "sink", 0);
      if (back_edge) g.link("worker", 0, "ping", 1, {}, true);
      runtime_options o;
      o.drain_limit_s = 300;
      const auto done = run_plan(g, virtual_time, o);
      CHECK(done.why == end_reason::finished);
      CHECK(book->lines() == std::vector<std::string>{"done"});
      if (back_edge) CHECK(done.last.links[3].delivered == 1);
    }
  }
}

TEST_CASE("work that is held for ever ends with the drain limit") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    auto g = ring_with_ticks();
    g.add("worker", 1, 1, slow_worker(1 << 30));
    g.info("worker").ticks = true;
    g.add("sink", 1, 0, listener(book));
    g.link("ping", 0, "worker", 0);
    g.link("worker", 0, "sink", 0);
    runtime_options o;
    o.drain_limit_s = 0.5;
    const auto done = run_plan(g, virtual_time, o);
    CHECK(done.why == end_reason::finished);
    CHECK(book->size() == 0);
  }
}

}  // namespace hocket::host
