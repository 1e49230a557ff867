// Every limit of a tool's policy and of the agent's config, exceeded.
#include <doctest/doctest.h>

#include <thread>

#include "actors/background/scripted.test.hpp"
#include "graph/contract/starting_tool.hpp"
#include "tests/support/tries.hpp"

using namespace hocket;
using namespace hocket::background::test;
using answer = result<std::string>;

namespace {

/// Waits as long as nobody says that its result is unwanted; notes that it was told.
tool_type patient_tool(std::shared_ptr<std::atomic<int>> told, int time_limit_ms) {
  return scripted_tool(
      [told](auto&, const tool_context& where) -> answer {
        while (!*where.cancelled) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++*told;
        return std::string("too late");
      },
      time_limit_ms);
}

/// One that never looks whether it is wanted; `hold` lets it go in the end.
tool_type deaf_tool(const std::shared_ptr<gate>& hold, int time_limit_ms) {
  return scripted_tool(
      [hold](auto&, auto&) -> answer {
        hold->opened.wait();
        return std::string("42");
      },
      time_limit_ms);
}

std::vector<outcome> outcomes(const std::vector<tool_result>& all) {
  std::vector<outcome> out;
  for (const auto& r : all) out.push_back(r.status);
  return out;
}

}  // namespace

TEST_CASE("time_limit_ms of a tool, real time: one tool_result says so, and the tool is told") {
  auto told = std::make_shared<std::atomic<int>>(0);
  bench b(patient_tool(told, 20), {});
  b.ask(request(1));
  REQUIRE(b.until([&] { return !b.out.words.empty(); }));
  CHECK(b.out.words == "no result ");
  CHECK(outcomes(b.out.results) == std::vector{outcome::timed_out});
  CHECK(b.out.results[0].content == "took longer than its limit of 20 ms");
  CHECK(b.out.results[0].call == b.out.calls.at(0).call);
  REQUIRE(b.until([&] { return told->load() == 1; }));
  CHECK(b.counts["timed_out"] == 1);
  REQUIRE(b.agent->close(b.out));
  CHECK(b.out.results.size() == 1);
}

namespace {

/// Takes its time before its first call, as a process does.
struct slow_starter final : tool, starting_tool {
  std::shared_ptr<gate> hold;
  std::shared_ptr<std::atomic<int>> starts;
  bool fails = false;
  result<void> start() override {
    hold->opened.wait();
    ++*starts;
    if (fails) return fail("tool.gone", "its process did not begin");
    return {};
  }
  result<std::string> call(const std::string&, const tool_context&) override {
    return std::string("42");
  }
};

tool_type slow_starter_tool(const std::shared_ptr<gate>& hold,
                            const std::shared_ptr<std::atomic<int>>& starts, bool fails,
                            int time_limit_ms) {
  auto t = scripted_tool({}, time_limit_ms);
  t.make = [=] {
    auto one = std::make_unique<slow_starter>();
    one->hold = hold, one->starts = starts, one->fails = fails;
    return one;
  };
  return t;
}

}  // namespace

TEST_CASE("what a tool needs to begin is not taken from the limit of its call") {
  for (const bool fails : {false, true}) {
    int limit_ms = 25;  // a busy machine may take longer for the call itself
    CHECK(testing::in_one_of_five([&] {
      limit_ms *= 2;
      auto hold = std::make_shared<gate>();
      auto starts = std::make_shared<std::atomic<int>>(0);
      bench b(slow_starter_tool(hold, starts, fails, limit_ms), {});
      b.ask(request(1));
      REQUIRE(b.until([&] { return !b.out.calls.empty(); }));
      std::this_thread::sleep_for(std::chrono::milliseconds(2 * limit_ms));
      hold->open.set_value();
      REQUIRE(b.until([&] { return !b.out.words.empty(); }));
      REQUIRE(b.agent->close(b.out));
      return b.out.words == (fails ? "no result " : "forty two ") &&
             outcomes(b.out.results) == std::vector{fails ? outcome::failed : outcome::ok} &&
             starts->load() == 1;
    }));
  }
}

TEST_CASE("time_limit_ms of a tool with `late: deliver`: the answer comes late, the result once") {
  auto hold = std::make_shared<gate>();
  background::agent::config c;
  c.late = "deliver";
  bench b(deaf_tool(hold, 20), c);
  b.ask(request(1));
  REQUIRE(b.until([&] { return !b.out.words.empty(); }));
  CHECK(b.out.words == "no result ");
  hold->open.set_value();
  REQUIRE(b.until([&] { return b.counts["late_delivered"] == 1; }));
  CHECK(b.out.words == "no result forty two ");
  CHECK(outcomes(b.out.results) == std::vector{outcome::timed_out});
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("time_limit_ms of a tool, virtual time: the request is answered when the limit ends") {
  auto hold = std::make_shared<gate>();
  const auto types = tools_with(deaf_tool(hold, 250));
  harness h(type_of<background::agent>(),
            {.config = config({{"min_delay_ms", 0}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  REQUIRE(h.push("requests", h.now(), request(1)));
  CHECK(said(h).empty());  // stream time has not come so far
  REQUIRE(h.advance_to(timestamp::of_ms(600)));
  CHECK(said(h) == "no result. ");
  for (const auto& p : h.outputs("results"))
    if (p.get_if<text>() != nullptr) CHECK(p.header.ts == timestamp::of_ms(450));
  CHECK(outcomes(h.values<tool_result>("tool_results")) == std::vector{outcome::timed_out});
  CHECK(h.counter("timed_out") == 1);
  hold->open.set_value();  // the next is answered
  REQUIRE(h.push("requests", h.now(), request(2)));
  REQUIRE(h.advance_to(timestamp::of_ms(1000)));
  CHECK(said(h) == "no result. forty two. ");
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("time_limit_ms of a request, virtual time: a planner that hangs is left behind") {
  auto hold = std::make_shared<gate>();
  auto types = tools_with(deaf_tool(hold, 5000));
  add_script(types, [hold](const plan_view&) -> result<plan_step> {
    hold->opened.wait();
    return plan_step::answer("late");
  });
  for (const char* planner : {"script", "match"}) {
    CAPTURE(planner);
    harness h(type_of<background::agent>(),
              {.config = config({{"time_limit_ms", 100}, {"planner", planner}}), .types = &types});
    REQUIRE(h.open());
    REQUIRE(h.push("requests", h.now(), request(1)));
    REQUIRE(h.advance_to(timestamp::of_ms(2000)));
    CHECK(said(h) == "no result. ");
    CHECK(h.counter("timed_out") == 1);
    CHECK(h.values<tool_result>("tool_results").size() == h.values<tool_call>("tool_calls").size());
    REQUIRE(h.close());
  }
  hold->open.set_value();
}

TEST_CASE("a request that is cancelled in a call: the call has its result") {
  auto told = std::make_shared<std::atomic<int>>(0);
  bench b(patient_tool(told, 60'000), {});
  b.ask(request(1));
  REQUIRE(b.until([&] { return b.out.calls.size() == 1; }));
  auto cancel = request(1);
  cancel.what = delegation::action::cancel;
  b.ask(cancel);
  CHECK(outcomes(b.out.results) == std::vector{outcome::cancelled});
  REQUIRE(b.until([&] { return told->load() == 1; }));
  REQUIRE(b.agent->close(b.out));
  CHECK(b.out.results.size() == 1);
  CHECK(b.out.words.empty());
}

TEST_CASE("max_result_bytes: results, errors and progress are cut with a sign, and clean") {
  const std::string nasty =
      "\x1b]0;PWNED\x07 ok\xFF\r\n\x1b[2J\u202E"
      "end";
  for (const bool fails : {false, true}) {
    const auto types = tools_with(scripted_tool(
        [&](auto&, const tool_context& where) -> answer {
          where.progress(nasty + std::string(1000, 'p'));
          const auto whole = nasty + std::string(1'000'000, 'x');
          if (fails) return fail("x.y", whole);
          return whole;
        },
        5000, 100));
    harness h(type_of<background::agent>(), {.config = config(), .types = &types});
    REQUIRE(h.open());
    REQUIRE(h.push("requests", h.now(), request(1)));
    REQUIRE(h.advance_to(timestamp::of_ms(2000)));
    const auto got = h.values<tool_result>("tool_results").at(0).content;
    CHECK(got.starts_with(" ok\uFFFD\nendxxx"));
    CHECK(got.ends_with("[cut: 100 of 1000026 bytes]"));
    CHECK(got.size() < 140);
    const auto progress = h.values<text>("progress").at(0).value;
    CHECK(progress.starts_with(" ok\uFFFD\nendppp"));
    CHECK(progress.find("[cut: ") != progress.npos);
    CHECK(progress.size() < 140);
    CHECK(said(h) == (fails ? "no result. " : said(h)));
    for (const char c : said(h)) CHECK(static_cast<unsigned char>(c) >= ' ');
  }
}

TEST_CASE("a flood of progress is bounded") {
  const auto types = tools_with(scripted_tool([](auto&, const tool_context& where) -> answer {
    for (int i = 0; i < 20000; ++i) where.progress("partial");
    return std::string("done");
  }));
  harness h(type_of<background::agent>(), {.config = config(), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(h.values<text>("progress").size() == 256);
  CHECK(said(h) == "done. ");
}

TEST_CASE("tools that never come back are bounded, and every request still ends once") {
  auto hold = std::make_shared<gate>();
  background::agent::config c;
  c.max_parallel = 1;  // 25 threads
  bench b(deaf_tool(hold, 1), c);
  constexpr int asked = 40;
  for (int i = 1; i <= asked; ++i) {
    b.ask(request(static_cast<std::uint64_t>(i)));
    REQUIRE(b.until([&] { return b.counts["timed_out"] + b.counts["failed"] == i; }));
  }
  CHECK(b.counts["failed"] > 0);
  CHECK(b.counts["timed_out"] <= 25);
  CHECK(b.out.results.size() == b.out.calls.size());
  hold->open.set_value();
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("tasks and queues that are too long are refused") {
  auto hold = std::make_shared<gate>();
  background::agent::config c;
  c.max_parallel = 1;
  bench b(deaf_tool(hold, 60'000), c);
  b.ask(request(1, std::string(501, 'x')));
  CHECK(b.counts["refused"] == 1);
  for (std::uint64_t i = 2; i < 2 + 1 + 32; ++i) b.ask(request(i));
  CHECK(b.counts["refused"] == 1);
  b.ask(request(100));
  CHECK(b.counts["refused"] == 2);
  hold->open.set_value();
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("progress_after_ms: what takes long is told once, in real and in virtual time") {
  auto hold = std::make_shared<gate>();
  background::agent::config c;
  c.progress_after_ms = 400;
  bench b(deaf_tool(hold, 60'000), c);
  b.ask(request(1));
  b.tick_at(200);
  CHECK(b.out.words.empty());
  for (int ms = 400; ms <= 1200; ms += 200) b.tick_at(ms);
  CHECK(b.out.words == "still looking ");
  hold->open.set_value();
  REQUIRE(b.until([&] { return b.counts["answered"] == 1; }));
  CHECK(b.out.words == "still looking forty two ");
  REQUIRE(b.agent->close(b.out));

  const auto types =
      tools_with(scripted_tool([](auto&, auto&) -> answer { return std::string("7"); }));
  harness h(type_of<background::agent>(),
            {.config = config({{"progress_after_ms", 400}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(said(h) == "still looking seven. ");
}
