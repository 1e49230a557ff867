// What a planner may do with a task, and its budgets.
#include <doctest/doctest.h>

#include <condition_variable>

#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background::test;

namespace {

struct outcome_of_run {
  std::string said;
  std::vector<tool_call> calls;
  std::vector<tool_result> results;
  std::vector<std::string> logs;
};

outcome_of_run run(const registry& types, std::vector<setting> more = {}) {
  more.emplace_back("planner", "script");
  harness h(type_of<background::agent>(), {.config = config(std::move(more)), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(3000)));
  CHECK(h.counter("answered") + h.counter("failed") + h.counter("timed_out") == 1);
  CHECK(h.violations().empty());
  return {said(h), h.values<tool_call>("tool_calls"), h.values<tool_result>("tool_results"),
          h.logs()};
}

registry ones() {
  return tools_with(scripted_tool([](auto&, auto&) { return std::string("1"); }));
}

}  // namespace

TEST_CASE("a planner may go through several tools") {
  auto types = ones();
  add_script(types, [](const plan_view& view) -> result<plan_step> {
    if (view.so_far.size() < 2) return plan_step::ask("scripted", "{}");
    return plan_step::answer(view.so_far[0].content + " " + view.so_far[1].content);
  });
  const auto got = run(types);
  CHECK(got.said == "one one. ");
  CHECK(got.calls.size() == 2);
}

TEST_CASE("the calls of one step run side by side") {
  // Neither returns before both are there.
  struct meeting {
    std::mutex mutex;
    std::condition_variable all;
    int there = 0;
  };
  auto both = std::make_shared<meeting>();
  auto types = tools_with(scripted_tool([both](const std::string& arguments, auto&) {
    std::unique_lock lock(both->mutex);
    ++both->there;
    both->all.notify_all();
    both->all.wait(lock, [&] { return both->there == 2; });
    return arguments;
  }));
  add_script(types, [](const plan_view& view) -> result<plan_step> {
    if (view.so_far.empty())
      return plan_step{plan_step::kind::call, {{"scripted", "1"}, {"scripted", "2"}}};
    CHECK(view.so_far.size() == 2);
    return plan_step::answer(view.so_far[0].content + view.so_far[1].content);
  });
  CHECK(run(types).said == "twelve. ");  // in the order in which it asked
}

TEST_CASE("one tool fails, hangs or is none: the planner hears it and goes on") {
  auto hold = std::make_shared<gate>();
  auto types = tools_with(scripted_tool(
      [hold](const std::string& arguments, auto&) -> result<std::string> {
        if (arguments == "hang") hold->opened.wait();
        if (arguments == "fail") return fail("x.y", "broken");
        return std::string("3");
      },
      30));
  add_script(types, [](const plan_view& view) -> result<plan_step> {
    if (view.so_far.empty())
      return plan_step{
          plan_step::kind::call,
          {{"scripted", "hang"}, {"scripted", "fail"}, {"none", "{}"}, {"scripted", ""}}};
    REQUIRE(view.so_far.size() == 4);
    CHECK(view.so_far[0].status == outcome::timed_out);
    CHECK(view.so_far[1].status == outcome::failed);
    CHECK(view.so_far[1].content == "broken");
    CHECK(view.so_far[2].content == "there is no such tool here");
    return plan_step::answer(view.so_far[3].content);
  });
  const auto got = run(types);
  CHECK(got.said == "three. ");
  CHECK(got.results.size() == 4);
  hold->open.set_value();
}

TEST_CASE("budgets of a request: steps, tokens, calls at once; and steps that are none") {
  const auto last_log = [](const outcome_of_run& r) {
    REQUIRE(!r.logs.empty());
    return r.logs.back();
  };
  auto types = ones();
  add_script(types, [](const plan_view& view) -> result<plan_step> {
    CHECK(view.steps_left >= 1);
    auto step = plan_step::ask("scripted", "{}");
    step.tokens = 10;
    return step;
  });
  auto got = run(types, {{"max_steps", 3}});
  CHECK(got.said == "no result. ");
  CHECK(got.calls.size() == 3);
  CHECK(last_log(got) == "request 1: too many steps");
  got = run(types, {{"max_steps", 50}, {"max_tokens", 35}});
  CHECK(got.calls.size() == 3);
  CHECK(last_log(got) == "request 1: the budget of tokens is used up");

  const auto one_step = [](plan_step step) {
    auto all = ones();
    add_script(all, [step](const plan_view&) -> result<plan_step> { return step; });
    return run(all);
  };
  CHECK(last_log(one_step({plan_step::kind::call, {}})) ==
        "request 1: the planner asked for no tool");
  CHECK(last_log(one_step({plan_step::kind::call, std::vector<tool_request>(9)})) ==
        "request 1: the planner asked for too many tools at once");
  CHECK(one_step(plan_step::ask("scripted", std::string(70'000, '['))).results.at(0).status ==
        outcome::failed);
}

TEST_CASE("what a planner says is cleaned and cut; what it throws fails the request") {
  auto types = ones();
  add_script(types, [](const plan_view&) -> result<plan_step> {
    return plan_step::answer(
        "\x1b]0;t\x07"
        "a b c d");
  });
  CHECK(run(types, {{"max_words", 2}, {"cut_words", "etc"}}).said == "a b etc. ");
  auto throws = ones();
  add_script(throws, [](const plan_view&) -> result<plan_step> { throw 7; });
  CHECK(run(throws).said == "no result. ");
  auto wrong = ones();
  add_script(wrong, [](const plan_view&) -> result<plan_step> { return fail("x.y", "broken"); });
  CHECK(run(wrong).logs.back() == "request 1: broken");
}

TEST_CASE(
    "a planner that nobody registered, or with settings that it has not, is refused at open") {
  const auto types = ones();
  for (auto& planner : {value(std::string("thinker")), settings({{"use", "match"}, {"size", 3}})}) {
    harness h(type_of<background::agent>(),
              {.config = config({{"planner", planner}}), .types = &types});
    const auto opened = h.open();
    REQUIRE(!opened);
    CHECK(opened.error().code == "background.no_such_planner");
  }
}
