#include "actors/host/runtime.hpp"

#include <doctest/doctest.h>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

TEST_CASE("a chain delivers everything in order and ends by itself") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(100, 5));
    g.source("src", 5);
    g.add("mid", 1, 1, relay());
    g.add("end", 1, 0, listener(book));
    g.link("src", 0, "mid", 0, {.size = 4});
    g.link("mid", 0, "end", 0, {.size = 4});
    const auto done = run_plan(g, virtual_time);
    CHECK(done.why == end_reason::finished);
    CHECK(book->lines() == numbers(100));
    CHECK(done.last.links[0].sent == 100);
    CHECK(done.last.links[1].delivered == 100);
    for (const auto& a : done.last.actors) CHECK(a.state == actor_state::stopped);
  }
}

TEST_CASE("an actor that does not open fails the start by name, and what opened is closed") {
  for (const bool virtual_time : {true, false}) {
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_open = [](const context&) -> result<void> { return fail("test.no", "no device"); };
      return c;
    });
    g.source("src");
    g.add("end", 1, 0, [book] {
      auto c = std::make_unique<lambda_component>();
      c->on_close = [book](emitter&) -> result<void> {
        book->add("closed");
        return {};
      };
      return c;
    });
    g.link("src", 0, "end", 0);
    const auto p = g.make();
    runtime_options o;
    o.virtual_time = virtual_time;
    auto r = runtime::start(p, g.types, o);
    REQUIRE(!r);
    CHECK(r.error().code == "host.open_failed");
    CHECK(r.error().message == "src (test.src) did not open: no device [test.no]");
    CHECK(book->size() == 1);
  }
}

TEST_CASE("two runs in virtual time are equal, packet by packet") {
  const auto run_once = [] {
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("a", 0, 1, counter_source(200, 3));
    g.source("a", 10);
    g.add("b", 0, 1, counter_source(100));
    g.source("b", 30);
    g.add("mix", 2, 2, relay(2));
    g.add("left", 1, 1, relay());
    g.add("right", 1, 1, relay());
    g.add("end", 2, 0, [book] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [book](std::size_t port, const packet& p, emitter&) -> result<void> {
        const auto& h = p.header;
        book->add(std::to_string(port) + ":" + p.get_if<text>()->value + ":" +
                  std::to_string(h.seq) + ":" + std::to_string(h.ts.ns()) + ":" +
                  std::to_string(h.origin_ts.ns()) + ":" + std::to_string(h.micro_turn));
        return {};
      };
      return c;
    });
    g.link("a", 0, "mix", 0, {.size = 2});
    g.link("b", 0, "mix", 1, {.size = 2, .full = full_policy::drop_oldest});
    g.link("mix", 0, "left", 0, {.size = 1});
    g.link("mix", 1, "right", 0, {.size = 3, .full = full_policy::drop_newest});
    g.link("left", 0, "end", 0, {.size = 2});
    g.link("right", 0, "end", 1, {.size = 1, .full = full_policy::latest});
    CHECK(run_plan(g, true).why == end_reason::finished);
    return book->lines();
  };
  const auto first = run_once();
  CHECK(first.size() > 300);
  for (int i = 0; i < 5; ++i) CHECK(run_once() == first);
}

TEST_CASE("a full queue stops its sender; diamonds and declared cycles do not lock up") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(300, 50));
    g.source("src", 5);
    g.add("fork", 2, 2, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [](std::size_t port, const packet& p, emitter& out) -> result<void> {
        if (port == 1) return {};  // the echo
        out.emit(0, p.header.ts, word(p.get_if<text>()->value));
        out.emit(1, p.header.ts, word(p.get_if<text>()->value));
        return {};
      };
      return c;
    });
    g.add("slow", 1, 1, relay());
    g.add("join", 2, 1, [book] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [book](std::size_t port, const packet& p, emitter& out) -> result<void> {
        if (port == 0) book->add(p.get_if<text>()->value);
        out.emit(0, p.header.ts, word(p.get_if<text>()->value));
        return {};
      };
      return c;
    });
    const queue_spec one{.size = 1, .full = full_policy::block};
    g.link("src", 0, "fork", 0, one);
    g.link("fork", 0, "slow", 0, one);
    g.link("fork", 1, "join", 1, one);
    g.link("slow", 0, "join", 0, one);
    g.link("join", 0, "fork", 1, one, true);
    const auto done = run_plan(g, virtual_time);
    CHECK(done.why == end_reason::finished);
    CHECK(book->lines() == numbers(300));
    CHECK(done.last.links[1].delivered == 300);
    CHECK(done.last.links[4].sent == 600);
    CHECK(done.last.links[4].delivered +
              done.last.links[4].dropped[static_cast<int>(drop_reason::stopped)] ==
          600);
  }
}

TEST_CASE("virtual time gives the same order however slow the calls are") {
  const auto run = [](std::int64_t spin_ns) {
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 2, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [](timestamp until, emitter& out) -> result<source_state> {
        for (int i = 0; i < 40; ++i) out.emit(i % 2, until - duration(1), word(std::to_string(i)));
        return source_state::end_of_stream;
      };
      return c;
    });
    g.source("src", 5);
    const auto slow_relay = [spin_ns] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [spin_ns](std::size_t, const packet& p, emitter& out) -> result<void> {
        for (const auto end = monotonic_ns() + spin_ns; monotonic_ns() < end;) {
        }
        out.emit(0, p.header.ts, word(p.get_if<text>()->value));
        return {};
      };
      return c;
    };
    g.add("a", 1, 1, slow_relay);
    g.add("b", 1, 1, slow_relay);
    g.add("end", 2, 0, listener(book));
    const queue_spec wide{.size = 64, .full = full_policy::block};
    g.link("src", 0, "a", 0, wide);
    g.link("src", 1, "b", 0, wide);
    g.link("a", 0, "end", 0, wide);
    g.link("b", 0, "end", 1, wide);
    run_plan(g, true);
    return book->lines();
  };
  const auto quick = run(0);
  CHECK(quick.size() == 40);
  CHECK(run(500'000) == quick);
}

TEST_CASE("an echo that never fades does not hold the end up") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    plan_maker g;
    g.add("src", 0, 1, counter_source(10));
    g.source("src", 5);
    g.add("ping", 2, 1, relay());
    g.add("pong", 1, 1, relay());
    g.link("src", 0, "ping", 0);
    g.link("ping", 0, "pong", 0);
    g.link("pong", 0, "ping", 1, {}, true);
    runtime_options o;
    o.drain_limit_s = 0.5;
    const auto done = run_plan(g, virtual_time, o);
    CHECK(done.why == end_reason::finished);
    CHECK(done.last.links[2].sent > 10);
  }
}

TEST_CASE("an orderly stop drains, and last words go upstream first") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    const auto talker = [book](const std::string& name) {
      return [book, name] {
        auto c = std::make_unique<lambda_component>();
        c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
          out.emit(0, p.header.ts, word(p.get_if<text>()->value));
          return {};
        };
        c->on_close = [book, name](emitter& out) -> result<void> {
          book->add(name + " closes");
          out.emit(0, timestamp::of_ms(1'000'000), word("last words of " + name));
          return {};
        };
        return c;
      };
    };
    plan_maker g;
    g.add("src", 0, 1, counter_source(1 << 30));
    g.source("src", 5);
    g.add("a", 1, 1, talker("a"));
    g.add("b", 1, 1, talker("b"));
    g.add("end", 1, 0, [book] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto& said = p.get_if<text>()->value;
        if (said.starts_with("last")) book->add(said);
        return {};
      };
      c->on_close = [book](emitter&) -> result<void> {
        book->add("end closes");
        return {};
      };
      return c;
    });
    g.link("src", 0, "a", 0);
    g.link("a", 0, "b", 0);
    g.link("b", 0, "end", 0);
    const auto p = g.make();
    runtime_options o;
    o.virtual_time = virtual_time;
    auto r = runtime::start(p, g.types, o);
    REQUIRE(r);
    REQUIRE(eventually([&] { return (*r)->status().links[2].delivered > 5; }));
    (*r)->stop();
    const auto done = (*r)->wait();
    CHECK(done.why == end_reason::stopped);
    CHECK(done.last.law_holds());
    CHECK(done.last.links[0].sent == done.last.links[0].delivered);
    CHECK(book->lines() == std::vector<std::string>{"a closes", "b closes", "last words of a",
                                                    "last words of b", "end closes"});
  }
}

TEST_CASE("the law holds at every snapshot of a running graph") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("src", 0, 1, counter_source(200000, 200));
  g.source("src", 1);
  g.add("mid", 1, 1, relay());
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "mid", 0, {.size = 8, .full = full_policy::drop_oldest});
  g.link("mid", 0, "end", 0, {.size = 8, .full = full_policy::drop_newest});
  const auto p = g.make();
  auto r = runtime::start(p, g.types, {});
  REQUIRE(r);
  int snapshots = 0;
  REQUIRE(eventually([&] {
    const auto s = (*r)->status();
    CHECK(s.law_holds());
    return ++snapshots > 200 && s.links[0].sent > 1000;
  }));
  (*r)->stop();
  CHECK((*r)->wait().last.law_holds());
}

TEST_CASE("headers: gapless numbers, origin of the oldest input, hops with times in order") {
  auto book = std::make_shared<notebook>();
  plan_maker g;
  g.add("src", 0, 1, counter_source(20));
  g.source("src");
  g.add("mid", 1, 1, relay());
  g.add("end", 1, 0, [book] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
      const auto& h = p.header;
      CHECK(h.session == session_id{1});
      CHECK(h.origin_ts == h.ts);
      CHECK(h.micro_turn == h.ts.ns() / 200'000'000);
      REQUIRE(h.way.count == 2);
      CHECK(h.way.hops[0].actor == 0);
      CHECK(h.way.hops[1].actor == 1);
      CHECK(h.origin_ns <= h.way.hops[1].queued_ns);
      CHECK(h.way.hops[1].queued_ns <= h.way.hops[1].started_ns);
      CHECK(h.way.hops[1].started_ns <= h.way.hops[1].emitted_ns);
      book->add(std::to_string(h.seq));
      return {};
    };
    return c;
  });
  g.link("src", 0, "mid", 0);
  g.link("mid", 0, "end", 0);
  run_plan(g, true);
  CHECK(book->lines() == numbers(20));
}
