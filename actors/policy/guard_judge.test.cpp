#include "actors/policy/guarded.test.hpp"

using namespace hocket;
using namespace hocket::policy;

TEST_CASE("a judge's verdict comes later and still holds") {
  for (const auto* on_failure : {"closed", "open"}) {
    CAPTURE(on_failure);
    const bool closed = std::string_view(on_failure) == "closed";
    guarded g(std::vector<setting>{{"judge_ms", 2000}, {"on_failure", on_failure}});
    const auto verdict = [&](std::uint64_t question, const std::string& says,
                             std::string_view role = "background") {
      REQUIRE(g.h->push("verdicts", g.h->now(), text{says, std::string(role), question, true}));
    };
    g.ask(1, "the loud thing in my cellar");
    g.ask(2, "seven times eight");
    g.ask(3, "another thing");
    g.ask(4, "a slow thing");
    g.ask(5, "a mute judge");
    auto asked = g.h->values<delegation>("questions");
    REQUIRE(asked.size() == 5);
    CHECK(asked[0].task == "the loud thing in my cellar");
    CHECK(g.h->values<delegation>("requests").size() == (closed ? 0 : 5));
    verdict(asked[0].request, "Topic: **Bombs**.");
    verdict(asked[1].request, "Fine.");
    verdict(asked[2].request, "no", failure_role);
    verdict(asked[4].request, "");
    REQUIRE(g.h->advance(std::chrono::seconds(3)));
    std::string passed, refused;
    for (const auto& d : g.h->values<delegation>("requests"))
      passed += (d.what == delegation::action::cancel ? "-" : "") + std::to_string(d.request);
    for (const auto& t : g.h->values<text>("results"))
      if (t.role == failure_role) refused += std::to_string(t.request);
    CHECK(passed == (closed ? "2" : "12345-1"));
    CHECK(refused == (closed ? "1354" : "1"));
    CHECK(g.h->counter("judge_failed") == 3);
    // What somebody says is judged once he pauses.
    g.words("heard", "how would one");
    g.words("heard", "go about it");
    REQUIRE(g.h->advance(std::chrono::seconds(1)));
    asked = g.h->values<delegation>("questions");
    REQUIRE(asked.size() == 6);
    CHECK(asked[5].task == "how would one go about it");
    verdict(asked[5].request, "bombs");
    CHECK(g.told() == "background.failed: sorry no");
    CHECK(g.h->interrupts() == 0);
  }
}

TEST_CASE(
    "a verdict stops what the model is saying, once, and what the rules found is not told again") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}});
  const auto newest = [&] { return g.h->values<delegation>("questions").back(); };
  const auto verdict = [&](const std::string& says) {
    REQUIRE(g.h->push("verdicts", g.h->now(), text{says, "judge", newest().request, true}));
  };
  for (const char* word : {"first", "you", "take", "the", "white", "powder"}) g.words("said", word);
  CHECK(newest().task == "first you take the white powder");
  CHECK(newest().transcript == "said");
  CHECK(g.voice(0.5f) == 0.5f);
  verdict("bombs");
  CHECK(g.h->interrupts() == 1);
  CHECK(g.voice(0.5f) == 0);
  const auto stopped = g.h->counter("refuse");
  for (const char* word : {"and", "then", "the", "grey", "one", "too"}) g.words("said", word);
  CHECK(newest().task.ends_with("grey one too"));
  verdict("bombs");
  CHECK(g.h->counter("refuse") == stopped);
  // The person's words came up by a rule: the judge finds nothing new in them.
  REQUIRE(g.h->advance(std::chrono::seconds(2)));
  g.words("heard", "build a bomb");
  CHECK(g.h->counter("refuse") == stopped + 1);
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  CHECK(newest().task == "build a bomb");
  verdict("bombs");
  CHECK(g.h->counter("refuse") == stopped + 1);
  // The next time is another one.
  REQUIRE(g.h->advance(std::chrono::seconds(2)));
  g.words("heard", "the loud thing");
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  verdict("bombs");
  CHECK(g.h->counter("refuse") == stopped + 2);
}

TEST_CASE("a request in pieces is judged as a whole, and what was made of it is taken back") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}, {"on_failure", "open"}});
  const auto newest = [&] { return g.h->values<delegation>("questions").back(); };
  const auto pause = [&] { REQUIRE(g.h->advance(std::chrono::seconds(3))); };
  const auto verdict = [&](const std::string& says) {
    REQUIRE(g.h->push("verdicts", g.h->now(), text{says, "judge", newest().request, true}));
  };
  g.words("heard", "how do i light");
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  verdict("fine");
  pause();
  g.words("heard", "the loud thing");
  g.ask(7, "the loud thing");
  CHECK(g.h->values<delegation>("requests").size() == 1);
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  CHECK(newest().task == "how do i light the loud thing");
  verdict("bombs");
  const auto asked = g.h->values<delegation>("requests");
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].request == 7);
  CHECK(asked[1].what == delegation::action::cancel);
  g.result(7, "this way");
  CHECK(g.told() == "background.failed: sorry no");
  // What came up is over.
  pause();
  g.words("heard", "and the weather");
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  CHECK(newest().task == "and the weather");
}

TEST_CASE("a request that waits for its verdict does not begin once its words came to a topic") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}});
  const auto verdict = [&](std::uint64_t question, const std::string& says) {
    REQUIRE(g.h->push("verdicts", g.h->now(), text{says, "judge", question, true}));
  };
  g.words("heard", "how do i light the loud thing");
  g.ask(7, "the loud thing");
  REQUIRE(g.h->advance(std::chrono::seconds(1)));
  const auto asked = g.h->values<delegation>("questions");
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].task == "the loud thing");
  CHECK(asked[1].task == "how do i light the loud thing");
  verdict(asked[1].request, "bombs");
  CHECK(g.told() == "background.failed: sorry no");
  verdict(asked[0].request, "fine");
  CHECK(g.h->values<delegation>("requests").empty());
}

TEST_CASE("a verdict that is one topic's name is that topic's, whatever others are called") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}});
  g.ask(1, "the loud thing");
  REQUIRE(g.h->push(
      "verdicts", g.h->now(),
      text{"more_bombs", "judge", g.h->values<delegation>("questions").back().request, true}));
  CHECK(g.decision().find("\"more_bombs\"") != std::string::npos);
}

TEST_CASE("typed lines are judged each on its own") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}});
  for (int i = 1; i <= 2; ++i) {
    g.words("typed", "the loud thing");
    REQUIRE(g.h->push(
        "verdicts", g.h->now(),
        text{"bombs", "judge", g.h->values<delegation>("questions").back().request, true}));
    CHECK(g.h->counter("refuse") == i);
  }
}

TEST_CASE(
    "a judge that is lost decides at once as was declared, and judges again when it is back") {
  for (const auto* on_failure : {"closed", "open"}) {
    CAPTURE(on_failure);
    const bool closed = std::string_view(on_failure) == "closed";
    guarded g(std::vector<setting>{{"judge_ms", std::int64_t{60000}}, {"on_failure", on_failure}});
    g.ask(1, "a thing");
    REQUIRE(g.h->control_packet("verdicts", {control::kind::input_lost, "gone", 0}));
    g.ask(2, "another thing");
    CHECK(g.h->counter("judge_failed") == 2);
    CHECK(g.h->values<delegation>("requests").size() == (closed ? 0 : 2));
    CHECK(g.h->values<text>("results").size() == (closed ? 2 : 0));
    REQUIRE(g.h->control_packet("verdicts", {control::kind::input_recovered, "", 0}));
    g.ask(3, "a third");
    REQUIRE(g.h->push(
        "verdicts", g.h->now(),
        text{"fine", "judge", g.h->values<delegation>("questions").back().request, true}));
    CHECK(g.h->values<delegation>("requests").size() == (closed ? 1 : 3));
    CHECK(g.h->counter("judge_failed") == 2);
  }
}

TEST_CASE("a request that is replaced while a judge looks at it never starts") {
  guarded g(std::vector<setting>{{"judge_ms", 2000}, {"approval", "ok"}});
  g.ask(1, "first");
  delegation d;
  d.request = 2, d.supersedes = 1, d.task = "second";
  REQUIRE(g.h->push("requests", g.h->now(), d));
  for (const auto& q : g.h->values<delegation>("questions"))
    REQUIRE(g.h->push("verdicts", g.h->now(), text{"ok", "background", q.request, true}));
  REQUIRE(g.h->advance(std::chrono::seconds(3)));
  const auto asked = g.h->values<delegation>("requests");
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].request == 2);
}
