#include "actors/background/client_functions.hpp"

#include <cstdlib>
#include <thread>

#include "actors/background/function_match.hpp"
#include "actors/background/result_words.hpp"
#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;

namespace {

constexpr const char* clock_offer =
    R"([{"type":"function","name":"clock","description":"The time in a place.","parameters":{"type":"object","properties":{"timezone":{"type":"string"}},"required":["timezone"]}}])";

/// An agent in real time with an app behind it.
struct talking_agent : bench {
  explicit talking_agent(registry r, background::agent::config c = {})
      : bench(std::move(r), std::move(c)) {}
  void client(const char* role, std::string words) {
    REQUIRE(agent->process(1, make_packet(time.at, text{std::move(words), role}), out));
  }
  void answer(std::uint64_t call, std::string words, outcome how = outcome::ok) {
    const tool_result r{call, 0, "client.x", how, std::move(words)};
    REQUIRE(agent->process(2, make_packet(time.at, r), out));
  }
  const tool_call& call(std::size_t n) {
    REQUIRE(until([&] { return out.calls.size() >= n; }));
    return out.calls[n - 1];
  }
  const tool_result& ended(std::size_t n) {
    REQUIRE(until([&] { return out.results.size() >= n; }));
    return out.results[n - 1];
  }
};

registry ours() {
  return tools_with(scripted_tool([](auto&, auto&) { return std::string("ours"); }));
}

}  // namespace

TEST_CASE("functions of an app are asked by what they say of themselves") {
  const auto fn = [](const char* name, const char* what, const char* properties,
                     const char* required = "") {
    return tool_info{name, what,
                     std::string(R"({"type":"object","properties":{)") + properties +
                         R"(},"required":[)" + required + "]}"};
  };
  const auto clock = fn("client.clock", "The time in a place.", R"("timezone":{"type":"string"})",
                        R"("timezone")");
  const auto weather = fn("get_weather", "", R"("city":{"type":"string"})", R"("city")");
  const auto times =
      fn("multiply", "Multiplies.", R"("a":{"type":"number"},"b":{"type":"number"})", R"("a","b")");
  const auto compute = fn("calculator", "", R"("expression":{"type":"STRING"})");
  const auto light =
      fn("setLight", "Turns the light on or off.",
         R"("state":{"type":"string","enum":["on","off"]},"room":{"type":"string"})", R"("state")");
  CHECK(arguments_by_description(clock, "what time is it in tokyo") == R"({"timezone":"tokyo"})");
  const std::string here = "{\"timezone\":\"UTC\"}";  // and not that of this machine
  CHECK(arguments_by_description(clock, "time") == here);
  CHECK(arguments_by_description(clock, "seven times eight") == "");
  CHECK(arguments_by_description(clock, "") == "");
  CHECK(arguments_by_description(weather, "weather paris") == R"({"city":"paris"})");
  CHECK(arguments_by_description(weather, "time in paris") == "");
  CHECK(arguments_by_description(times, "seven times eight") == R"({"a":7,"b":8})");
  CHECK(arguments_by_description(times, "twenty five times three") == R"({"a":25,"b":3})");
  std::string many = "seven times two";
  for (int i = 0; i < 20; ++i) many += " hundred";
  CHECK(arguments_by_description(times, many) == R"({"a":7,"b":200})");  // no number is as long
  CHECK(arguments_by_description(compute, "seven times eight") ==
        R"({"expression":"seven times eight"})");
  CHECK(arguments_by_description(light, "light off in the kitchen") ==
        R"({"state":"off","room":"kitchen"})");
  CHECK(arguments_in_any_case(clock, "do something") == R"({"timezone":"something"})");
  // Schemas are a stranger's: whatever they are, what comes out is an object or nothing.
  for (const char* odd : {"", "[]", "7", R"({"properties":7})", R"({"properties":{"a":7}})",
                          R"({"properties":{"a":{"type":[]}},"required":["a",7]})",
                          R"({"properties":{"a":{"enum":[]}},"required":["a"]})",
                          R"({"properties":{"a":{"type":"object"}},"required":["a"]})"}) {
    CAPTURE(odd);
    CHECK(arguments_in_any_case({"x", "", odd}, "do it")[0] == '{');
  }
}

TEST_CASE("a result in JSON is told as its values") {
  CHECK(words_of_result("15:15") == "15:15");
  CHECK(words_of_result(R"({"time": "15:15", "asked": "{\"timezone\":1}"})") == "15:15");
  CHECK(words_of_result(R"({"sum": 56, "parts": [7, 8], "exact": true})") == "56 7 8 yes");
  CHECK(words_of_result(R"("fine")") == "fine");
  CHECK(words_of_result("[broken") == "[broken");
  CHECK(words_of_result("{}").empty());
}

TEST_CASE("what an app offers is read, and refused with the reason") {
  CHECK(client_functions::read(clock_offer)->at(0).name == "clock");
  for (const char* bad : {"", "{}", "[7]", "[{}]", R"([{"name":"a"},{"name":"a"}])"})
    CHECK(client_functions::read(bad).error().code == "client.bad_functions");
  CHECK(client_functions::read("[]")->empty());
  const auto name = std::string(100'000, 'n');
  const auto twice = R"([{"name":")" + name + R"("},{"name":")" + name + R"("}])";
  CHECK(client_functions::read(twice).error().message.size() < 300);
}

TEST_CASE("each call takes one answer, and none that nobody waits for") {
  client_functions f;
  std::atomic<bool> unwanted{false};
  CHECK(!f.answer(1, std::string("early")));
  f.expect(1);
  CHECK(f.answer(1, std::string("one")));
  CHECK(!f.answer(1, std::string("two")));
  CHECK(f.wait(1, unwanted).value() == "one");
  CHECK(!f.answer(1, std::string("late")));
  f.expect(7);
  f.forget(7);  // refused: nobody ever waited
  CHECK(!f.answer(7, std::string("late")));
  unwanted = true;
  CHECK(f.wait(2, unwanted).error().code == "client.unwanted");
  unwanted = false;
  std::thread other([&] {
    f.expect(3);
    while (!f.answer(3, std::string("three"))) std::this_thread::yield();
  });
  CHECK(f.wait(3, unwanted).value() == "three");
  other.join();
}

TEST_CASE("a request calls the app's function, and what it returns is told") {
  talking_agent t(ours());
  t.client("tools", clock_offer);
  t.ask(request(1, "what time is it"));
  CHECK(t.call(1).tool == "client.clock");
  CHECK(t.call(1).arguments_json == "{\"timezone\":\"UTC\"}");
  t.answer(99, "of nobody");
  t.answer(t.call(1).call, R"({"time":"15:15"})");
  t.answer(t.call(1).call, "again");
  CHECK(t.ended(1).content == R"({"time":"15:15"})");
  CHECK(t.until([&] { return t.out.words.find("fifteen") != std::string::npos; }));
  CHECK(t.counts["late_answers"] == 2);
  // Its functions are asked alone: the graph's own come back with an empty list.
  t.ask(request(2));
  CHECK(t.call(2).tool == "client.clock");
  t.answer(t.call(2).call, "broken", outcome::failed);
  CHECK(t.ended(2).status == outcome::failed);
  t.client("tools", "[]");
  t.ask(request(3));
  CHECK(t.ended(3).content == "ours");
  t.client("tools", "nonsense");
  CHECK(t.counts["bad_offers"] == 1);
  // It wants that nothing is called: not the graph's own tools either.
  const auto calls = t.out.calls.size();
  t.client("tools", "null");
  t.ask(request(30));
  t.until([&] { return t.counts["answered"] + t.counts["failed"] >= 4; });
  CHECK(t.out.calls.size() == calls);
  // A call that is given up takes no answer any more, and tells so.
  t.client("tools", clock_offer);
  t.ask(request(4, "time"));
  const auto given_up = t.call(4).call;
  delegation cancel = request(4);
  cancel.what = delegation::action::cancel;
  t.ask(cancel);
  CHECK(t.ended(4).call == given_up);
  CHECK(t.ended(4).status == outcome::cancelled);
  REQUIRE(t.agent->close(t.out));
}

TEST_CASE(
    "an app's only function is asked once for what it says nothing of, one for any task always") {
  talking_agent t(ours());
  t.client("tools", clock_offer);
  t.ask(request(1, "seven times eight"));
  t.answer(t.call(1).call, "15:15");
  t.ask(request(2, "nine times two"));
  CHECK(t.until([&] { return t.counts["failed"] == 1; }));
  CHECK(t.out.calls.size() == 1);
  t.ask(request(3, "the time in rome"));
  t.answer(t.call(2).call, "15:16");
  t.client(
      "tools",
      R"([{"name":"desk","parameters":{"type":"object","properties":{"question":{"type":"string"}}}}])");
  for (std::uint64_t n = 3; n <= 5; ++n) {
    t.ask(request(n + 1, "nine times two"));
    CHECK(t.call(n).arguments_json == R"({"question":"nine times two"})");
    t.answer(t.call(n).call, "18");
  }
  REQUIRE(t.agent->close(t.out));
}

TEST_CASE("functions of an app beside the graph's own, several calls, and one that never answers") {
  background::agent::config c;
  c.client_functions = "beside";
  c.time_limit_ms = 400;
  talking_agent t(ours(), c);
  t.client("tools", clock_offer);
  t.ask(request(1));
  CHECK(t.ended(1).content == "ours");
  t.ask(request(2, "the time in rome"));
  t.ask(request(3, "the time in oslo"));
  t.call(3);
  t.answer(t.out.calls[2].call, "three");
  t.answer(t.out.calls[1].call, "two");
  t.ended(3);
  CHECK(t.until([&] { return t.counts["answered"] == 3; }));
  t.ask(request(4, "the time in cairo"));
  t.call(4);
  t.tick_at(600);
  CHECK(t.ended(4).status == outcome::timed_out);
  CHECK(t.out.words.find("no result") != std::string::npos);
  REQUIRE(t.agent->close(t.out));
}

TEST_CASE("an app's instructions and notes reach the planner; its own work is left to it") {
  auto types = ours();
  std::string seen;
  add_script(types, [&](const plan_view& view) -> result<plan_step> {
    seen = view.task.transcript;
    return plan_step::answer("done");
  });
  background::agent::config c;
  c.planner.use = "script";
  talking_agent t(std::move(types), c);
  t.client("instructions", "be short");
  t.client("thinking", "the user is called Anna");
  t.client("commentary", "it is a quarter past three");
  t.tick_at(200);
  CHECK(t.out.words.find("quarter past three") != std::string::npos);
  t.ask(request(1, "anything"));
  CHECK(t.until([&] { return t.counts["answered"] == 1; }));
  CHECK(seen.find("be short") != seen.npos);
  CHECK(seen.find("Anna") != seen.npos);
  t.client("manner", "in short sentences");
  t.ask(request(3, "anything"));
  CHECK(t.until([&] { return t.counts["answered"] == 2; }));
  CHECK(seen.find("in short sentences") != seen.npos);
  t.client("manner", "");
  t.ask(request(4, "anything"));
  CHECK(t.until([&] { return t.counts["answered"] == 3; }));
  CHECK(seen.find("wants to be answered") == seen.npos);
  t.client("delegations", "client");
  t.ask(request(2, "anything"));
  CHECK(t.counts["left_to_client"] == 1);
  REQUIRE(t.agent->close(t.out));
}
