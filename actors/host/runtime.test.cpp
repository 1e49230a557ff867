#include "actors/host/runtime.hpp"

#include <doctest/doctest.h>

#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

run_summary run_plan(plan_maker& g, bool virtual_time, runtime_options o = {}) {
  o.virtual_time = virtual_time;
  const auto p = g.make();
  auto r = runtime::start(p, g.types, o);
  REQUIRE(r);
  auto done = (*r)->wait();
  CHECK(done.last.law_holds());
  for (const auto& l : done.last.links) CHECK(l.in_flight == 0);
  return done;
}

std::vector<std::string> numbers(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i) out.push_back(std::to_string(i));
  return out;
}

}  // namespace

TEST_CASE("a chain delivers everything in order and ends by itself") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(100, 5)).type;
    g.info("src").source = true;
    g.info("src").period_ms = 5;
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
    g.info("src").source = true;
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
    auto r = runtime::start(p, g.types, {.virtual_time = virtual_time});
    REQUIRE(!r);
    CHECK(r.error().code == "host.open_failed");
    CHECK(r.error().message == "src (test.src) did not open: no device [test.no]");
    CHECK(book->size() == 1);
  }
}
