// Lessons under the prompts that the planner gives its model.
#include <doctest/doctest.h>

#include "actors/background/language/language_planner.hpp"
#include "actors/background/language/plain_text.hpp"
#include "actors/trainer/examples/text_example.hpp"

using namespace hocket;
using namespace hocket::background;

namespace {

/// Keeps what it was asked last; answers nothing.
struct listening_model final : chat_backend {
  explicit listening_model(bool lines) : lines(lines) {}
  result<chat_reply> ask(const chat_request& r) override {
    asked = r;
    return chat_reply{"nothing", {}, 1};
  }
  result<void> adapt(const adapter& a) override {
    taken = a.name;
    return {};
  }
  bool reads_lines() const override { return lines; }
  bool lines;
  chat_request asked;
  std::string taken;
};

const std::vector<tool_info> tools = {
    {"home.timer", "starts a timer",
     R"({"type":"object","properties":{"minutes":{"type":"integer"}}})"},
    {"home.clock", "tells the time", R"({"type":"object"})"}};

struct rig {
  explicit rig(bool lines) : model(std::make_shared<listening_model>(lines)) {
    language_planner::config c;
    c.choose_tools = false;
    plan = std::make_unique<language_planner>(c, model);
    REQUIRE(plan->open({}));
  }
  /// The prompt of a request after some calls, as the model would get it.
  chat_request prompt(const std::string& task, std::vector<tool_answer> so_far = {}) {
    delegation d;
    d.request = 1;
    d.task = task;
    REQUIRE(plan->next({d, tools, so_far, nullptr, nullptr, 4, 100'000}));
    return model->asked;
  }
  std::shared_ptr<listening_model> model;
  std::unique_ptr<language_planner> plan;
};

const lesson timer{
    "set a timer for 5 minutes", "", {{"home.timer", R"({"minutes":5})", "done"}}, "done"};
const lesson thanks{"thank you", "", {}, "you are welcome"};

std::string text_of(const nlohmann::json& segments, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += segments[i]["text"].get<std::string>();
  return out;
}

}  // namespace

TEST_CASE("lessons in lines: what is read before each learnt part is the prompt of that step") {
  rig r(true);
  const auto made = r.plan->examples_of(std::vector{timer}, tools, "here");
  REQUIRE(made);
  REQUIRE(made->size() == 1);
  CHECK((*made)[0].provenance == "here");
  const auto s = trainer::json_of((*made)[0]).value()["segments"];
  REQUIRE(s.size() == 5);
  for (std::size_t i = 0; i < s.size(); ++i) CHECK(s[i]["learnt"] == (i % 2 == 1));
  CHECK(text_of(s, 1) == plain_prompt(r.prompt(timer.task).plain, true));
  const auto after =
      r.prompt(timer.task, {{"home.timer", R"({"minutes":5})", outcome::ok, "done"}});
  CHECK(text_of(s, 3) == plain_prompt(after.plain, true));
  // What is learnt is what the planner takes for the call and the answer.
  const auto call = plain_reply(s[1]["text"].get<std::string>(), true);
  REQUIRE(call.calls.size() == 1);
  CHECK(call.calls[0].name == "home_timer");
  CHECK(call.calls[0].arguments_json == R"({"minutes":5})");
  CHECK(plain_reply(s[3]["text"].get<std::string>(), true).text == "done");
}

TEST_CASE("lessons in lines: one text for several, each in the form of the prompt's examples") {
  rig r(true);
  const auto made = r.plan->examples_of(std::vector{timer, thanks}, tools, "");
  REQUIRE(made);
  REQUIRE(made->size() == 1);
  const auto s = trainer::json_of((*made)[0]).value()["segments"];
  const auto all = text_of(s, s.size());
  CHECK(
      all.ends_with("Function: none\nAnswer: done\n\nRequest: thank you\nFunction: none\nAnswer: "
                    "you are welcome\n\n"));
}

TEST_CASE("lessons in messages: a text for each step, its last message is learnt") {
  rig r(false);
  const auto made = r.plan->examples_of(std::vector{timer, thanks}, tools, "");
  REQUIRE(made);
  REQUIRE(made->size() == 3);
  const auto at = [&](std::size_t i) { return trainer::json_of((*made)[i]).value(); };
  CHECK(at(0)["messages"].back()["tool_calls"][0]["function"]["name"] == "home_timer");
  CHECK(at(0)["tools"].size() == 2);
  CHECK(at(1)["messages"].back()["content"] == "done");
  CHECK(at(1)["messages"].size() == at(0)["messages"].size() + 2);
  CHECK(at(2)["messages"].back()["content"] == "you are welcome");
}

TEST_CASE("lessons: a tool that the agent has not is refused by name") {
  rig r(true);
  const lesson other{"open", "", {{"home.door", "{}", "done"}}, "done"};
  const auto made = r.plan->examples_of(std::vector{other}, tools, "");
  REQUIRE(!made);
  CHECK(made.error().message.find("home.door") != std::string::npos);
  CHECK(r.plan->examples_of({}, tools, "").value().empty());
}

TEST_CASE("adapters: an endpoint's model takes none") {
  struct endpoint final : chat_backend {
    result<chat_reply> ask(const chat_request&) override { return chat_reply{}; }
  };
  language_planner plan({}, std::make_shared<endpoint>());
  CHECK(plan.adapt({"a", "{}", {}}).error().code == "language.no_adapters");
  rig r(true);
  CHECK(r.plan->adapt({"a", "{}", {}}));
  CHECK(r.model->taken == "a");
}
