// Conversations that a component opens, interrupts and closes: what a gateway is made of.
#include "actors/host/run/gateway.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

TEST_CASE("a component opens conversations, interrupts one, closes them and learns of their end") {
  std::vector<std::string> virtual_run;
  for (const bool virtual_time : {true, true, false}) {
    CAPTURE(virtual_time);
    gateway t;
    run_plan(t.g, virtual_time);  // one conversation begins with the run
    t.check_two(2);
    t.check_interrupted(2);
    CHECK(t.told->lines().back() == "end");
    CHECK(t.spoken->count("1: interrupted") == 0);
    if (!virtual_time) continue;
    auto all = t.told->lines();
    for (const auto& line : t.spoken->lines()) all.push_back(line);
    if (!virtual_run.empty()) CHECK(all == virtual_run);  // the same, run after run
    virtual_run = std::move(all);
  }
}

TEST_CASE("a conversation whose actor does not open is refused and is gone; the others go on") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    gateway t(3);
    t.broken_from = 4;
    const auto done = run_plan(t.g, virtual_time);
    CHECK(done.why == end_reason::finished);  // whatever its restart policy says of a lost actor
    t.check_two(2);
    CHECK(t.told->count("sessions.refused") == 1);
    CHECK(t.told->count("over 4") == 1);
    CHECK(t.told->count("open 4") == 0);
  }
}

TEST_CASE("no more conversations than the run takes; a closed one makes room") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    gateway t(3);
    runtime_options o;
    o.max_sessions = 3;
    run_plan(t.g, virtual_time, o);
    t.check_two(2);
    CHECK(t.told->count("sessions.refused") == 1);
    CHECK(t.told->count("open 4") == 0);
  }
}

TEST_CASE("when the run stops, conversations that components opened end first, and they are told") {
  gateway t;
  t.closes = false;
  runtime_options o;
  o.sessions = 0;
  const auto p = t.g.make();
  auto r = runtime::start(p, t.g.types, o);
  REQUIRE(r);
  REQUIRE(eventually([&] { return t.spoken->count("2: hello 2") == 1; }));
  REQUIRE(eventually([&] { return t.spoken->count("1: interrupted") == 1; }));
  CHECK((*r)->status().sessions == 2);
  (*r)->stop();
  const auto done = (*r)->wait();
  CHECK(done.why == end_reason::stopped);
  CHECK(done.last.law_holds());
  t.check_two(1);
}

TEST_CASE("a component that fails takes its conversations with it, and opens others") {
  gateway t;
  t.fails.store(true);
  t.g.actor("gate").restart.max = 1;
  t.g.actor("gate").restart.backoff_ms = 1;
  const auto done = run_plan(t.g, false);
  CHECK(done.why == end_reason::finished);
  for (const auto id : {2, 3}) CHECK(t.spoken->count(fmt::format("{}: closed", id)) == 1);
  t.check_two(4);
}

TEST_CASE("what a component's threads post while it opens waits until it is open") {
  plan_maker g;
  auto told = std::make_shared<notebook>();
  g.add("src", 0, 1, [told] {
    auto c = std::make_unique<lambda_component>();
    c->on_open = [told](const context& where) -> result<void> {
      const bool taken = where.self->run([told](emitter&) { told->add("posted"); });
      told->add(taken ? "taken" : "lost");
      return {};
    };
    c->on_produce = [](timestamp until, emitter&) -> result<source_state> {
      return until < timestamp(100'000'000) ? source_state::more : source_state::end_of_stream;
    };
    return c;
  });
  g.source("src");
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "end", 0);
  for (const bool virtual_time : {true, false}) run_plan(g, virtual_time);
  CHECK(told->lines() == std::vector<std::string>{"taken", "posted", "taken", "posted"});
}
