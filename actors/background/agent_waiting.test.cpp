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
  REQUIRE(s.b->until([&] { return s.b->counts["answered"] == 1; }));  // each has its own thread
  s.ask(3);
  s[3].end(fail("x.y", "no"));
  REQUIRE(s.b->until([&] { return s.b->counts["failed"] == 1; }));
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

TEST_CASE("whoever asked learns of each end that is not its own doing, once") {
  using states = std::vector<std::string>;
  auto c = in_words();
  c.new_request = "supersede";
  c.max_words = 3;
  stage s(c);
  s.ask(1);
  s[1].tell("a b c d e f ");
  s.hear("a b c ");
  s.ask(2);  // ends 1, as the graph wants
  CHECK(s.b->out.states == states{"background.over 1"});
  s.ask(3, 2);  // the asker's doing
  s.cancel(3);
  CHECK(s.b->out.states.size() == 1);
  s.ask(4);
  s[4].tell("a b c d e f ");
  s.hear("a b c a b c ");
  s.b->ask(request(5, "more"));
  s.ask(6, 5);  // nobody wants what is still made of 4
  CHECK(s.b->out.states == states{"background.over 1", "background.over 4"});
  s[6].end(plan_step::answer("rex"));
  s.hear("a b c a b c rex ");
  s.ask(7);
  CHECK(s.b->out.states.size() == 2);  // 6 was answered
  REQUIRE(
      s.b->agent->process(1, make_packet(s.b->time.at, text{"client", "delegations"}), s.b->out));
  s.ask(8);
  CHECK(s.b->out.states.back() == "background.left 8");
  CHECK(s.b->counts["left_to_client"] == 1);
  s.b->agent->close(s.b->out);
  CHECK(s.b->out.states.size() == 3);
}

TEST_CASE("a delegated \"yes\" is no task that is pending") {
  auto c = in_words();
  c.confirm = true;
  stage s(c);
  s.ask(1);
  s[1].end(plan_step::ask("scripted", "{}"));
  s.hear("shall i use scripted ");
  s.b->ask(request(2, "yes"));
  CHECK(s.b->out.states == std::vector<std::string>{"background.over 2"});
  s[1].end(plan_step::answer("rex"));
  s.hear("shall i use scripted rex ");
  CHECK(s.b->out.ends == std::vector<std::uint64_t>{1});
}

TEST_CASE("the first word of a failure says that it is one") {
  background::outbox box({true, 5, "and more", "no result", background::tell_when::words});
  const auto told = [&] {
    std::string roles;
    box.release(timestamp::max(), {},
                [&](timestamp, const text& t) { roles += t.role + (t.final ? ". " : " "); });
    return roles;
  };
  box.failure(1, {});
  CHECK(told() == "background.failed background. ");
  box.answer(1, {}, "");
  CHECK(told() == "background.failed background. ");
  box.piece(1, {}, "it is so", false);
  CHECK(told() == "background background ");
  box.failure(1, {});
  CHECK(told() == "background.failed background. ");
  box.answer(1, {}, "late", true);
  CHECK(told() == "background.anew. ");
}
