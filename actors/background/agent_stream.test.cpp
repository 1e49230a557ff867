// Answers that are told while they are made: superseded, cancelled, broken off, late, and with a clock that
// stands still. Whatever happens, a request has one end.
#include <doctest/doctest.h>

#include "actors/background/stage.test.hpp"

using namespace hocket;
using namespace hocket::background::test;
using background::agent;

TEST_CASE("an answer is told while it is made, in words or in sentences, with one end") {
  stage s(in_words());
  s.ask(1);
  s[1].tell("It is ");
  s.hear("it ");
  s[1].tell("56 deg");
  s.hear("it is ");
  s[1].tell("rees. ");
  s.hear("it is fifty six ");
  CHECK(s.b->out.ends.empty());
  s[1].end(plan_step::answer("It is 56 degrees."));
  s.hear("it is fifty six degrees ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1});
  CHECK(s.b->out.replaced.empty());

  stage t;
  t.ask(1);
  t[1].tell("It rains. And ");
  t.hear("it rains ");
  t[1].end(plan_step::answer("It rains. And it snows."));
  t.hear("it rains and it snows ");
  CHECK(t.b->out.ends == std::vector<std::uint64_t>{1});

  agent::config c;
  c.stream = "whole";
  stage w(c);
  w.ask(1);
  w[1].tell("It rains. And it snows. ");
  w[1].end(plan_step::answer("It rains."));
  w.hear("it rains ");
  CHECK(w.b->out.replaced.empty());
}

TEST_CASE("a correction while it is told: nothing more of the old answer, and its work stops") {
  stage s(in_words());
  s.ask(1);
  s[1].tell("fifty six it is ");
  s.hear("fifty six it ");
  s.ask(2, 1);
  s[1].tell("and more of it ");
  s[1].look();
  REQUIRE(s.b->until([&] { return s[1].cancelled == 1; }));
  s[2].tell("sixty three ");
  s[2].end(plan_step::answer("sixty three"));
  s.hear("fifty six it sixty three ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{2});
  CHECK(s.b->counts["superseded"] == 1);
  CHECK(s.b->counts["answered"] == 1);
}

TEST_CASE("a request that is cancelled while it is told ends silently, and lets others speak") {
  stage s(in_words());
  s.ask(1);
  s.ask(2);
  s[1].tell("one two three ");
  s.hear("one two ");
  s[2].end(plan_step::answer("rex"));
  REQUIRE(s.b->until([&] { return s.b->counts["answered"] == 1; }));
  CHECK(s.b->out.words == "one two ");  // it waits for the other's end
  s.cancel(1);
  s.hear("one two rex ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{2});
  CHECK(s.b->counts["cancelled"] == 1);
}

TEST_CASE("an answer that breaks off in the middle: one failure takes the place of what was told") {
  stage s(in_words());
  s.ask(1);
  s[1].tell("the weather in Paris is ");
  s.hear("the weather in paris ");
  s[1].end(fail("language.bad_answer", "the endpoint's answer broke off"));
  s.hear("the weather in paris no result ");
  CHECK(s.b->out.replaced == std::vector<std::string>{"no"});
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1});
  CHECK(s.b->counts["failed"] == 1);
}

TEST_CASE("words before a tool that fails: the end replaces them, and the call has its result") {
  stage s(in_words(), scripted_tool([](auto&, auto&) -> result<std::string> {
            return fail("x.y", "no such city");
          }));
  s.ask(1);
  s[1].tell("let me look that up");
  s.hear("let me look ");
  s[1].end(plan_step::ask("scripted", "{}"));
  s.hear("let me look that up ");
  s[1].tell("I could ");  // a new step: not the end of "up"
  s[1].end(plan_step::answer("I could not find it"));
  s.hear("let me look that up i could not find it ");
  CHECK(s.b->out.replaced == std::vector<std::string>{"i"});
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1});
  CHECK(s.b->out.calls.size() == 1);
  CHECK(s.b->out.results.size() == 1);
}

TEST_CASE("a time limit while it is told: one failure; what comes late follows the policy") {
  for (const std::string late : {"drop", "deliver"}) {
    CAPTURE(late);
    auto c = in_words();
    c.time_limit_ms = 1000;
    c.late = late;
    stage s(c);
    s.ask(1);
    s[1].tell("it will be ");
    s.hear("it will ");
    s.b->tick_at(800);
    CHECK(s.b->out.words == "it will ");
    s.b->tick_at(1000);
    CHECK(s.b->out.words == "it will no result ");
    CHECK(s.b->out.ends == std::vector<std::uint64_t>{1});
    s[1].tell("windy all ");
    s[1].end(plan_step::answer("it will be windy"));
    s[1].look();
    const bool deliver = late == "deliver";
    if (deliver) {
      s.hear("it will no result it will be windy ");
      CHECK(s.b->out.replaced == std::vector<std::string>{"no", "it"});
      CHECK(s.b->counts["late_delivered"] == 1);
    } else {
      REQUIRE(s.b->until([&] { return s[1].cancelled == 1; }));
      CHECK(s.b->out.words == "it will no result ");
    }
  }
}

TEST_CASE("more of an answer that is still made, and a correction of that") {
  auto c = in_words();
  c.max_words = 3;
  stage s(c);
  s.ask(1);
  s[1].tell("a b c d e f ");
  s.hear("a b c ");
  s.b->ask(request(2, "tell me more"));
  CHECK(s.b->counts["more_asked"] == 1);
  s[1].tell("g h i ");
  s[1].end(plan_step::answer("a b c d e f g h i"));
  s.hear("a b c and more d e f and more ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1, 2});
  s.b->ask(request(3, "more"));
  s.hear("a b c and more d e f and more g h i ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1, 2, 3});
  // The person wants something else: nobody works on the rest any more.
  s.ask(4);
  s[4].tell("a b c d e f ");
  s.hear("a b c and more d e f and more g h i a b c ");
  s.b->ask(request(5, "more"));
  s.ask(6, 5);
  s[4].look();
  REQUIRE(s.b->until([&] { return s[4].cancelled == 1; }));
  s[6].end(plan_step::answer("rex"));
  s.hear("a b c and more d e f and more g h i a b c rex ");
  CHECK(s.b->counts["superseded"] == 2);
}

TEST_CASE("progress: told where nothing was, and not beside an answer that is told") {
  auto c = in_words();
  c.progress_after_ms = 400;
  stage s(c);
  s.ask(1);
  s.ask(2);
  s[2].tell("it is ");
  s.hear("it ");
  s.b->tick_at(400);
  s.b->tick_at(600);
  CHECK(s.b->out.words == "it ");  // 1 waits for the end of 2
  s[2].end(plan_step::answer("it is rex"));
  s.hear("it is rex still looking ");
  s[1].end(plan_step::answer("63"));
  s.hear("it is rex still looking sixty three ");
  CHECK(s.b->out.replaced == std::vector<std::string>{"sixty"});
}

TEST_CASE("the end of a talk in the middle of an answer") {
  stage s(in_words());
  s.ask(1);
  s[1].tell("one two three ");
  s.hear("one two ");
  REQUIRE(s.b->agent->close(s.b->out));
  s[1].look();
  CHECK(s.b->out.ends.empty());
  CHECK(s.b->counts["cancelled"] == 1);
  s.b->agent.reset();
}

TEST_CASE("a planner that floods, and one that tells what is no text") {
  auto c = in_words();
  c.max_words = 4;
  stage s(c);
  s.ask(1);
  s[1].tell(std::string(10'000'000, 'a') + " ");
  s[1].tell("\x1b[2J \xFF ");
  s[1].end(plan_step::answer("good"));
  REQUIRE(s.b->until([&] { return !s.b->out.ends.empty(); }));
  CHECK(s.b->out.words.ends_with("good "));
  CHECK(s.b->out.words.size() < 70'000);
}

TEST_CASE("in virtual time an answer is the same, however it was told") {
  const auto run = [](std::vector<std::string> pieces, const char* stream) {
    auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("ok"); }));
    add_telling_script(
        types,
        [pieces](const plan_view& v, const telling_planner::teller& tell) -> result<plan_step> {
          if (v.so_far.empty()) {
            tell({"let me see. yes "});
            return plan_step::ask("scripted", "{}");
          }
          for (const auto& p : pieces) tell({p});
          return plan_step::answer("It rains. It is 56 degrees.");
        });
    harness h(type_of<agent>(),
              {.config = config({{"planner", "script"}, {"stream", stream}}), .types = &types});
    REQUIRE(h.open());
    REQUIRE(h.push("requests", h.now(), request(1)));
    REQUIRE(h.advance_to(timestamp::of_ms(3000)));
    std::string out;
    for (const auto& p : h.outputs("results"))
      if (const auto* t = p.get_if<text>())
        out += std::to_string(static_cast<std::int64_t>(p.header.ts.ms())) + t->value +
               (replaces(*t) ? "!" : "") + (t->final ? ". " : " ");
    REQUIRE(h.close());
    CHECK(h.violations().empty());
    return out;
  };
  const std::string wanted = "1000it 1000rains 1000it 1000is 1000fifty 1000six 1000degrees. ";
  for (const char* stream : {"whole", "sentences", "words"}) {
    CHECK(run({}, stream) == wanted);
    CHECK(run({"It rains. It is ", "56 degrees. "}, stream) == wanted);
    CHECK(run({"I", "t rai", "ns. ", "It is 5", "6 degre", "es."}, stream) == wanted);
    CHECK(run({"Something else. "}, stream) == wanted);
  }
}
