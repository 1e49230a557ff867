#include "actors/background/agent.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background::test;

TEST_CASE("a delegated task is answered in words after the declared delay") {
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("56"); }));
  harness h(type_of<background::agent>(),
            {.config = config({{"min_delay_ms", 500}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(300)));
  REQUIRE(h.push("requests", h.now(), request(7)));
  CHECK(h.values<tool_call>("tool_calls").size() == 1);
  CHECK(h.values<tool_result>("tool_results").at(0).content == "56");
  REQUIRE(h.advance_to(timestamp::of_ms(399)));
  CHECK(said(h).empty());
  REQUIRE(h.advance_to(timestamp::of_ms(1200)));
  CHECK(said(h) == "fifty six. ");
  std::vector<packet> out;  // beside the words go promises that nothing earlier comes
  std::ranges::copy_if(h.outputs("results"), std::back_inserter(out),
                       [](const packet& p) { return p.get_if<text>() != nullptr; });
  REQUIRE(out.size() == 2);
  CHECK(out[0].header.ts == timestamp::of_ms(800));
  CHECK(out[1].get_if<text>()->request == 7);
  CHECK(out[1].get_if<text>()->role == "background");
  CHECK(h.counter("answered") == 1);
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("every failure is one short notice") {
  const auto failing = [](auto f) { return tools_with(scripted_tool(f)); };
  const auto run = [](const registry& types, delegation d) {
    harness h(type_of<background::agent>(), {.config = config(), .types = &types});
    REQUIRE(h.open());
    REQUIRE(h.push("requests", h.now(), std::move(d)));
    REQUIRE(h.advance_to(timestamp::of_ms(2000)));
    CHECK(h.counter("failed") + h.counter("refused") == 1);
    return said(h);
  };
  using answer = result<std::string>;
  const auto failed = failing([](auto&, auto&) -> answer { return fail("x.y", "broken"); });
  const auto throws = failing([](auto&, auto&) -> answer { throw std::runtime_error("boom"); });
  const auto odd = failing([](auto&, auto&) -> answer { throw 7; });
  const auto empty = failing([](auto&, auto&) -> answer { return std::string(); });
  CHECK(run(failed, request(1)) == "no result. ");
  CHECK(run(throws, request(1)) == "no result. ");
  CHECK(run(odd, request(1)) == "no result. ");
  CHECK(run(empty, request(1)) == "no result. ");
  CHECK(run(failed, request(1, "a task that no tool knows")) == "no result. ");
  CHECK(run(failed, request(1, std::string(1000, 'x'))) == "no result. ");
}

TEST_CASE("a cancelled or superseded request says nothing") {
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("ok"); }));
  harness h(type_of<background::agent>(), {.config = config(), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  delegation cancel = request(1);
  cancel.what = delegation::action::cancel;
  REQUIRE(h.push("requests", h.now(), cancel));
  REQUIRE(h.push("requests", h.now(), request(2)));
  REQUIRE(h.push("requests", h.now(), request(3, "do it", 2)));
  REQUIRE(h.push("requests", h.now(), request(3)));  // the wire repeats itself
  REQUIRE(h.advance_to(timestamp::of_ms(3000)));
  CHECK(h.counter("cancelled") == 1);
  CHECK(h.counter("superseded") == 1);
  const auto words = h.values<text>("results");
  REQUIRE(!words.empty());
  for (const auto& w : words) CHECK(w.request == 3);
}

TEST_CASE("long and broken results are cut") {
  const auto types = tools_with(scripted_tool(
      [](auto&, auto&) { return std::string("a b c d e f \xC3\xA4\xC3\xA4"); }, 5000, 13));
  harness h(type_of<background::agent>(), {.config = config({{"max_words", 3}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(said(h) == "a b c and more. ");
  CHECK(h.values<tool_result>("tool_results").at(0).content ==
        "a b c d e f  [cut: 12 of 16 bytes]");
}

TEST_CASE("a tool that takes too long is given up; its late result follows the policy") {
  for (const std::string late : {"drop", "deliver"}) {
    auto hold = std::make_shared<gate>();
    background::agent::config c;
    c.time_limit_ms = 1000;
    c.late = late;
    bench b(scripted_tool([hold](auto&, auto&) {
              hold->opened.wait();
              return std::string("42");
            }),
            c);
    b.ask(request(1));
    b.mail->take(1, b.out);  // the call
    b.tick_at(800);
    CHECK(b.out.words.empty());
    b.tick_at(1000);
    CHECK(b.out.words == "no result ");
    hold->open.set_value();
    b.mail->take(2, b.out);  // its result, and the end
    CHECK(b.out.words == (late == "drop" ? "no result " : "no result forty two "));
    CHECK(b.counts["timed_out"] == 1);
    CHECK(b.counts["late_delivered"] == (late == "deliver" ? 1 : 0));
    REQUIRE(b.agent->close(b.out));
  }
}

TEST_CASE("at most max_parallel tools run at once; the rest waits its turn") {
  auto hold = std::make_shared<gate>();
  auto running = std::make_shared<std::atomic<int>>(0);
  background::agent::config c;
  c.max_parallel = 1;
  bench b(scripted_tool([=](auto&, auto&) {
            ++*running;
            hold->opened.wait();
            return std::string("ok");
          }),
          c);
  b.ask(request(1));
  b.ask(request(2));
  b.mail->take(1, b.out);
  CHECK(running->load() <= 1);
  hold->open.set_value();
  b.mail->take(5, b.out);
  CHECK(b.out.words == "ok ok ");
  CHECK(b.counts["answered"] == 2);
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("a hung tool does not hold the end of a run") {
  auto hold = std::make_shared<gate>();
  bench b(scripted_tool([hold](auto&, auto&) {
            hold->opened.wait();
            return std::string("ok");
          }),
          {});
  b.ask(request(1));
  b.mail->take(1, b.out);
  REQUIRE(b.agent->close(b.out));
  CHECK(b.counts["cancelled"] == 1);
  b.agent.reset();
  hold->open.set_value();  // the thread ends after its agent
}
