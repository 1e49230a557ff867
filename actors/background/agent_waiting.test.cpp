// Whatever waits behind an answer that is still made: questions, ends of talks, words of apps.
#include <doctest/doctest.h>

#include "actors/background/stage.test.hpp"

using namespace hocket;
using namespace hocket::background::test;
using background::agent;

TEST_CASE("the end of a talk: what is complete is told, also behind an answer that is still made") {
  stage s(in_words());
  s.ask(1);
  s[1].tell("one two three ");
  s.hear("one two ");
  s.ask(2);
  s[2].end(plan_step::answer("rex"));
  s.ask(3);
  s[3].end(fail("x.y", "no"));
  REQUIRE(s.b->until([&] { return s.b->counts["answered"] == 1 && s.b->counts["failed"] == 1; }));
  CHECK(s.b->out.words == "one two ");
  REQUIRE(s.b->agent->close(s.b->out));
  CHECK(s.b->out.words == "one two rex no result ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{2, 3});
  CHECK(s.b->counts["cancelled"] == 1);
  s[1].look();
}

TEST_CASE("consent is given to a question that was told, and not while another is answered") {
  auto c = in_words();
  c.confirm = true;
  c.confirm_wait_ms = 1000;
  std::atomic<int> calls{0};
  stage s(c, scripted_tool([&](auto&, auto&) {
            ++calls;
            return std::string("ok");
          }));
  const auto hears = [&](const char* word, std::int64_t ms) {
    REQUIRE(
        s.b->agent->process(3, make_packet(timestamp::of_ms(ms), text{word, "heard"}), s.b->out));
  };
  s.ask(1);
  s[1].tell("one two three ");
  s.hear("one two ");
  s.ask(2);
  s[2].end(plan_step::ask("scripted", "{}"));
  REQUIRE(s.b->until([&] { return s.b->counts["consents_asked"] == 1; }));
  hears("yes", 0);
  s.b->ask(request(3, "sure"));  // a task of its own, since nothing was asked
  s.b->tick_at(1600);            // longer than it waits for an answer
  CHECK(s.b->counts["consents_given"] == 0);
  CHECK(s.b->counts["consents_unanswered"] == 0);
  CHECK(s.b->out.words == "one two ");
  s.cancel(3);
  s[1].end(plan_step::answer("one two three"));
  s.hear("one two three shall i use scripted ");
  hears("yes", 1400);  // said before it was asked
  CHECK(s.b->counts["consents_given"] == 0);
  s.b->tick_at(2400);
  CHECK(s.b->counts["consents_unanswered"] == 0);
  CHECK(calls == 0);
  hears("yes", 2200);
  CHECK(s.b->counts["consents_given"] == 1);
  s[2].end(plan_step::answer("rex"));
  s.hear("one two three shall i use scripted rex ");
  CHECK(calls == 1);
}

TEST_CASE("a task that was given up and then asks for consent does not keep its thread") {
  auto c = in_words();
  c.confirm = true;
  c.late = "deliver";
  c.time_limit_ms = 400;
  stage s(c);
  s.ask(1);
  s.b->tick_at(400);
  CHECK(s.b->out.words == "no result ");
  s[1].end(plan_step::ask("scripted", "{}"));
  s[1].end(plan_step::answer("rex"));
  s.hear("no result rex ");
  CHECK(s.b->counts["consents_asked"] == 0);
  CHECK(s.b->counts["late_delivered"] == 1);
}

TEST_CASE("an app's words about a task that is worked on are not its answer") {
  stage s(in_words());
  const auto says = [&](std::uint64_t request) {
    REQUIRE(s.b->agent->process(
        1, make_packet(s.b->time.at, text{"just a moment", "commentary", request, true}),
        s.b->out));
  };
  s.ask(1);
  s[1].tell("one two three ");
  s.hear("one two ");
  says(1);
  s[1].end(plan_step::answer("one two three"));
  s.hear("one two three just a moment ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1, 0});
  CHECK(s.b->out.replaced.empty());
  says(1);  // also later
  says(7);  // the app's own
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1, 0, 0, 7});
}
