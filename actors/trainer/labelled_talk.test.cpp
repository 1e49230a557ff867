#include "actors/trainer/labelled_talk.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "actors/trainer/examples/text_example.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

/// An agent for the talk: it calls `tool` with {} for each request that comes, then answers.
struct talk {
  std::string dir = (std::filesystem::temp_directory_path() / "hocket_labelled_talk").string();
  std::unique_ptr<harness> h;
  std::size_t seen = 0;
  std::string calls_tool = "home.wrong";
  std::string role = "background";  ///< of the first word of an answer

  explicit talk(std::vector<setting> more = {}) {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    const char* line =
        R"({"task": "what time is it", "calls": [{"tool": "clock", "arguments": {}}]})";
    write("practice", std::string(line) + "\n" + line + "\n\n" + line + "\n");
    write("held_out", line);
    write("rest", R"({"task": "good morning", "answer": "good morning"})");
    for (const char* name : {"practice", "held_out", "rest"})
      more.emplace_back(name, dir + "/" + name);
    more.emplace_back("source", "home");
    h = std::make_unique<harness>(
        type_of<labelled_talk>(),
        harness_options{.config = settings(std::move(more)), .output_dir = dir + "/out"});
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir + "/" + name) << text;
  }
  /// Time passes, and every request that was asked is answered.
  void go_on() {
    for (int i = 0; i < 20 && !h->ended(); ++i) {
      REQUIRE(h->advance(std::chrono::milliseconds(200)));
      const auto asked = h->values<delegation>("requests");
      while (seen < asked.size()) {
        const auto& d = asked[seen++];
        if (d.task != "good morning")
          REQUIRE(
              h->push("tool_calls", h->now(), tool_call{d.request, d.request, calls_tool, "{}"}));
        REQUIRE(h->push("results", h->now(), text{"no", role, d.request, false}));
        REQUIRE(h->push("results", h->now(), text{"matter", "background", d.request, true}));
      }
    }
  }
  json score(std::size_t i) const {
    return json::parse(h->values<text>("evaluations").at(i).value)["scores"];
  }
};

TEST_CASE("trainer.labelled_talk: asks, makes lessons of what went wrong, asks again") {
  talk t(std::vector<setting>{{"group", 2}});
  REQUIRE(t.h->open());
  t.go_on();
  CHECK(t.score(0)["held_out"] == 0);
  CHECK(t.score(0)["rest"] == 1);
  const auto lessons = t.h->values<training_example>("lessons");
  REQUIRE(lessons.size() == 2);
  const auto first = json_of(lessons[0]);
  REQUIRE(first);
  REQUIRE((*first)["lessons"].size() == 2);
  CHECK((*first)["lessons"][0]["task"] == "what time is it");
  CHECK((*first)["lessons"][0]["calls"][0]["tool"] == "home.clock");
  CHECK(!t.h->ended());
  t.calls_tool = "home.clock";
  REQUIRE(t.h->push("adapter", t.h->now(), adapter{"calls-1", "{}", {}}));
  t.go_on();
  CHECK(t.score(1)["held_out"] == 1);
  CHECK(json::parse(t.h->values<text>("evaluations")[1].value)["adapter"] == "calls-1");
  CHECK(t.h->ended());
  CHECK(t.h->violations().empty());
}

TEST_CASE("trainer.labelled_talk: ends when nothing went wrong, and when no adapter comes") {
  talk t(std::vector<setting>{{"wait_s", 10}});
  REQUIRE(t.h->open());
  SUBCASE("nothing went wrong") {
    t.calls_tool = "home.clock";
    t.go_on();
    CHECK(t.h->values<training_example>("lessons").empty());
  }
  SUBCASE("no adapter comes") {
    t.go_on();
    CHECK(!t.h->ended());
    REQUIRE(t.h->advance(std::chrono::seconds(11)));
    CHECK(t.h->counter("without_adapter") == 1);
  }
  CHECK(t.h->ended());
}

TEST_CASE("trainer.labelled_talk: a notice of failure is no answer") {
  talk t(std::vector<setting>{{"rounds", 0}});
  REQUIRE(t.h->open());
  SUBCASE("the right call, or none where none is wanted, does not help") {
    t.calls_tool = "home.clock", t.role = failure_role;
    t.go_on();
    CHECK(t.score(0)["held_out"] == 0);
    CHECK(t.score(0)["rest"] == 0);
    CHECK(t.h->counter("failed") == 2);
  }
  SUBCASE("an answer that begins anew after one is an answer") {
    t.calls_tool = "home.clock", t.role = replacing_role;
    t.go_on();
    CHECK(t.score(0)["rest"] == 1);
    CHECK(t.h->counter("failed") == 0);
  }
}

TEST_CASE("trainer.labelled_talk: a request without a result has failed, and the talk goes on") {
  talk t(std::vector<setting>{{"limit_ms", 1000}, {"rounds", 0}});
  REQUIRE(t.h->open());
  REQUIRE(t.h->run_to_end(timestamp::of_ms(60'000)));
  CHECK(t.h->counter("unanswered") == 2);
  CHECK(t.score(0)["rest"] == 0);
}

TEST_CASE("trainer.labelled_talk: labels that are wrong are named") {
  const auto practised = [](const std::string& lines) {
    talk t;
    t.write("practice", lines);
    const auto opened = t.h->open();
    return opened ? std::string() : opened.error().message;
  };
  const auto told = [&](const std::string& line) {
    return practised("{\"task\": \"a\"}\n" + line);
  };
  CHECK(told(R"({"task": "b"})").empty());
  CHECK(told("{").find("practice:2") != std::string::npos);
  CHECK(told("[]").find("practice:2: no JSON object") != std::string::npos);
  CHECK(told("{}").find("practice:2: it has no `task`") != std::string::npos);
  CHECK(told(R"({"task": "a", "calls": 3})").find("`calls` is no list") != std::string::npos);
  CHECK(told(R"({"task": "a", "calls": [{"arguments": {}}]})").find("no `tool`") !=
        std::string::npos);
  CHECK(told(R"({"task": "a", "calls": [{"tool": "t", "arguments": []}]})").find("no object") !=
        std::string::npos);
  CHECK(practised("\n").find("no request") != std::string::npos);
}

}  // namespace
}  // namespace hocket::trainer
