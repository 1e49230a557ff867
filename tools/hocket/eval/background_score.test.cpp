#include "tools/hocket/eval/background_score.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <set>

#include "actors/background/language/plain_text.hpp"

using namespace hocket;
using namespace hocket::cli;
using nlohmann::json;

namespace {

/// Does what a function says for each request.
struct scripted final : planner {
  std::function<plan_step(const plan_view&)> body;
  result<plan_step> next(const plan_view& v) override { return body(v); }
};

background_score run(std::function<plan_step(const plan_view&, const background_case&)> f) {
  const auto tools = background_tools();
  background_score score;
  std::uint64_t n = 0;
  for (const auto& c : background_cases(7, 100)) {
    scripted p;
    p.body = [&](const plan_view& v) { return f(v, c); };
    run_case(p, c, tools, ++n, 4, score);
  }
  return score;
}

}  // namespace

TEST_CASE("the requests are the same for a seed, of every kind, and need tools that exist") {
  const auto a = background_cases(1, 200), b = background_cases(1, 200);
  std::set<std::string> kinds, names, used;
  for (const auto& t : background_tools()) names.insert(t.name);
  REQUIRE(a.size() == 200);
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].task == b[i].task);
    CHECK(!a[i].task.empty());
    kinds.insert(a[i].kind);
    for (const auto& c : a[i].calls) {
      CHECK(names.contains(c.tool));
      used.insert(c.tool);
    }
  }
  CHECK(kinds == std::set<std::string>{"one", "two", "three", "correction", "talk", "impossible"});
  CHECK(used.size() == 12);
  CHECK(background_cases(2, 1)[0].task != a[0].task);
}

TEST_CASE(
    "one that knows scores one, one that does nothing its share of nothing, one that guesses "
    "less") {
  const auto knows = run([](const plan_view& v, const background_case& c) {
    if (!v.so_far.empty() || c.calls.empty()) return plan_step::answer("done");
    plan_step s{plan_step::kind::call};
    for (const auto& call : c.calls) s.calls.push_back({call.tool, call.arguments.dump()});
    return s;
  });
  CHECK(knows.f1() == 1);
  CHECK(knows.passed == 100);
  CHECK(knows.exact == knows.expected);
  CHECK(knows.wrong == 0);
  const auto idle =
      run([](const plan_view&, const background_case&) { return plan_step::answer("no"); });
  CHECK(idle.f1() == 0);
  CHECK(idle.passed == 20);  // those that need nothing
  const auto same = run([](const plan_view& v, const background_case&) {
    return v.so_far.empty() ? plan_step::ask("clock", "{}") : plan_step::answer("x");
  });
  CHECK(same.wrong > 70);
  CHECK(same.f1() < 0.2);
  const auto twice = run([](const plan_view&, const background_case& c) {
    return c.calls.empty() ? plan_step::answer("x")
                           : plan_step::ask(c.calls[0].tool, c.calls[0].arguments.dump());
  });
  CHECK(twice.wrong > 100);  // each again is wrong
  CHECK(twice.passed == 20);
}

TEST_CASE("arguments are compared by what they say") {
  using trainer::same_arguments;
  CHECK(same_arguments({{"minutes", 5}}, {{"minutes", "5"}}));
  CHECK(same_arguments({{"expression", "7 * 8"}}, {{"expression", "7*8"}}));
  CHECK(same_arguments({{"item", "Olive oil"}}, {{"item", "olive oil."}}));
  CHECK(!same_arguments({{"minutes", 5}}, {{"minutes", 6}}));
  CHECK(!same_arguments({{"a", 1}}, {{"a", 1}, {"b", 2}}));
  CHECK(!same_arguments({{"a", 1}}, {{"b", 1}}));
  CHECK(!same_arguments({{"a", 1}}, json::array()));
}

// A model that sees the generator's own wordings in its prompt is flattered by the scores.
TEST_CASE("the built-in examples of the prompt share no four words in a row with any request") {
  const auto runs_of = [](const std::string& text, std::set<std::string>& out) {
    std::vector<std::string> words{""};
    for (const char c : text) {
      const bool is_word = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '\'';
      if (is_word)
        words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      else if (!words.back().empty())
        words.emplace_back();
    }
    for (auto& w : words)
      if (!w.empty() && w.find_first_not_of("0123456789") == w.npos) w = "#";
    for (std::size_t i = 0; i + 4 <= words.size(); ++i)
      if (!words[i + 3].empty())
        out.insert(words[i] + " " + words[i + 1] + " " + words[i + 2] + " " + words[i + 3]);
  };
  std::set<std::string> asked, shown;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5})
    for (const auto& c : cli::background_cases(seed, 1000)) {
      runs_of(c.task, asked);
      runs_of(c.transcript, asked);
    }
  for (const auto& e : background::examples_of_the_form()) runs_of(e.request, shown);
  CHECK(asked.size() > 500);
  CHECK(shown.size() > 20);
  for (const auto& run : shown) CHECK_MESSAGE(!asked.contains(run), run);
}
