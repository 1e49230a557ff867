// A person who is asked before a tool is called: yes, no, silence, a correction; and who asks for more.
#include <doctest/doctest.h>

#include <thread>

#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background::test;

namespace {

value list_of(std::initializer_list<const char*> words) {
  std::vector<value> out;
  for (const auto* w : words) out.emplace_back(std::string(w));
  return out;
}

struct asked_person {
  /// `before`: what the person says before he is asked.
  explicit asked_person(std::vector<setting> more = {}, const char* before = "")
      : types(tools_with(scripted_tool([this](auto&, auto&) {
          ++calls;
          return std::string("fine");
        }))),
        h(type_of<background::agent>(),
          {.config = config(with(std::move(more))), .types = &types}) {
    REQUIRE(h.open());
    if (*before != '\0') {
      hears(before);
      until(400);
    }
    REQUIRE(h.push("requests", h.now(), request(1)));
    REQUIRE(h.advance_to(timestamp::of_ms(1000)));
    CHECK(said(h) == "shall i use scripted ");
    CHECK(calls == 0);
    CHECK(h.values<tool_call>("tool_calls").empty());
  }
  static std::vector<setting> with(std::vector<setting> more) {
    more.emplace_back("confirm", true);
    more.emplace_back("min_delay_ms", 0);
    return more;
  }
  void hears(const char* word) { REQUIRE(h.push("heard", h.now(), text{word, "heard"})); }
  void until(std::int64_t ms) { REQUIRE(h.advance_to(timestamp::of_ms(ms))); }
  std::atomic<int> calls{0};
  registry types;
  harness h;
};

}  // namespace

TEST_CASE("confirm: nothing is called before the person said yes, and then once") {
  asked_person p;
  p.hears("what");
  p.until(1400);
  CHECK(p.calls == 0);
  p.hears("Yes.");
  p.until(2000);
  CHECK(p.calls == 1);
  CHECK(said(p.h) == "shall i use scripted fine. ");
  CHECK(p.h.values<tool_call>("tool_calls").size() == 1);
  CHECK(p.h.counter("consents_given") == 1);
  CHECK(p.h.counter("answered") == 1);
  p.hears("yes");  // nothing is asked any more
  p.until(12000);
  CHECK(p.calls == 1);
  REQUIRE(p.h.close());
  CHECK(p.h.violations().empty());
}

TEST_CASE("confirm: no, and silence, end the request without a call, once") {
  for (const bool says_no : {true, false}) {
    CAPTURE(says_no);
    asked_person p({{"confirm_wait_ms", 3000}});
    if (says_no) p.hears("no");
    p.until(says_no ? 3000 : 4000);
    CHECK(p.calls == 0);
    CHECK(said(p.h) == "shall i use scripted no result. ");
    CHECK(p.h.counter(says_no ? "consents_refused" : "consents_unanswered") == 1);
    CHECK(p.h.values<tool_call>("tool_calls").empty());
    CHECK(p.h.values<tool_result>("tool_results").empty());
    p.hears("yes");
    p.until(9000);
    CHECK(p.calls == 0);
    REQUIRE(p.h.close());
    CHECK(p.h.violations().empty());
  }
}

TEST_CASE("confirm: a correction takes the question back, and asks its own") {
  asked_person p;
  p.hears("no");
  REQUIRE(p.h.push("requests", p.h.now(), request(2, "do another", 1)));
  p.until(2600);  // its "no" would count by now
  CHECK(p.calls == 0);
  CHECK(p.h.counter("superseded") == 1);
  CHECK(p.h.counter("consents_refused") == 0);
  CHECK(said(p.h) == "shall i use scripted shall i use scripted ");
  p.hears("go");
  REQUIRE(p.h.push("requests", p.h.now(), request(3, "yes")));  // delegated as if it were a task
  p.until(3200);
  CHECK(p.calls == 1);
  CHECK(said(p.h).ends_with("fine. "));
  CHECK(p.h.values<text>("results").back().request == 2);
  CHECK(p.h.counter("answered") == 1);
  REQUIRE(p.h.close());
}

TEST_CASE("confirm: a model that was told to agree agrees for nobody who is heard") {
  for (const bool is_heard : {true, false}) {
    CAPTURE(is_heard);
    asked_person p({}, is_heard ? "yes" : "");
    REQUIRE(p.h.push("requests", p.h.now(), request(3, "Yes.")));
    p.until(1400);
    CHECK(p.calls == (is_heard ? 0 : 1));
    CHECK(p.h.counter("consents_not_heard") == (is_heard ? 1 : 0));
    CHECK(p.h.counter("consents_given") == (is_heard ? 0 : 1));
    if (!is_heard) continue;
    REQUIRE(p.h.push("requests", p.h.now(), request(4, "no")));  // needs no proof
    p.until(3000);
    CHECK(p.h.counter("consents_refused") == 1);
    CHECK(p.calls == 0);
    REQUIRE(p.h.close());
    CHECK(p.h.violations().empty());
  }
}

TEST_CASE("confirm: a cancelled request, and an end of the talk, leave nothing open") {
  asked_person p;
  auto never_mind = request(1);
  never_mind.what = delegation::action::cancel;
  REQUIRE(p.h.push("requests", p.h.now(), never_mind));
  p.until(12000);
  CHECK(p.calls == 0);
  CHECK(p.h.counter("cancelled") == 1);
  CHECK(p.h.counter("consents_unanswered") == 0);
  REQUIRE(p.h.close());
  asked_person q;
  REQUIRE(q.h.close());
  CHECK(q.calls == 0);
  CHECK(q.h.violations().empty());
}

TEST_CASE("confirm in real time, for the tools that are named") {
  background::agent::config c;
  c.confirm_tools = {"scri*"};
  c.confirm_words = "may i use {tool} for {arguments}";
  bench b(scripted_tool([](auto&, auto&) { return std::string("fine"); }), c);
  b.ask(request(1));
  REQUIRE(b.until([&] { return !b.out.words.empty(); }));
  CHECK(b.out.words == "may i use scripted for ");
  CHECK(b.out.calls.empty());
  REQUIRE(b.agent->process(3, make_packet(b.time.at, text{"okay", "heard"}), b.out));
  REQUIRE(b.until([&] { return b.out.words.ends_with("fine "); }));
  CHECK(b.out.calls.size() == 1);
  REQUIRE(b.agent->close(b.out));
  background::agent::config other;
  other.confirm_tools = {"client.send"};  // what the app may offer later
  bench free(scripted_tool([](auto&, auto&) { return std::string("fine"); }), other);
  free.ask(request(1));
  REQUIRE(free.until([&] { return free.out.words == "fine "; }));
  REQUIRE(free.agent->close(free.out));
}

TEST_CASE(
    "confirm: a tool that there is not is an error, since it would be called without asking") {
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("fine"); }));
  const auto opened = [&](std::initializer_list<const char*> which) {
    harness h(type_of<background::agent>(),
              {.config = config({{"confirm_tools", list_of(which)}}), .types = &types});
    return h.open();
  };
  for (const auto* fine : {"scripted", "scr*", "*", "client.*"}) CHECK(opened({fine}));
  for (const auto* wrong : {"scriptde", "Scripted", "mail.send", "mail.*", "scripted.", ""}) {
    CAPTURE(wrong);
    const auto done = opened({"scripted", wrong});
    REQUIRE(!done);
    CHECK(done.error().code == "background.no_such_tool");
    CHECK(done.error().message.find("confirm_tools: no tool is `") != std::string::npos);
    CHECK(done.error().message.find("there are: scripted") != std::string::npos);
  }
}

TEST_CASE("confirm: words of a graph may be written in capitals, and in both lists mean no") {
  asked_person p({{"yes_words", list_of({"Aye", "well"})}, {"no_words", list_of({"Well"})}});
  p.hears("aye");
  p.until(1400);
  CHECK(p.h.counter("consents_given") == 1);
  asked_person q({{"yes_words", list_of({"Aye", "well"})}, {"no_words", list_of({"Well"})}});
  q.hears("well");
  q.until(4000);
  CHECK(q.h.counter("consents_refused") == 1);
  CHECK(q.calls == 0);
}

TEST_CASE("a long result is told in parts, each when it is asked for") {
  const auto types = tools_with(
      scripted_tool([](auto&, auto&) { return std::string("one two three four five six seven"); }));
  harness h(type_of<background::agent>(),
            {.config = config({{"min_delay_ms", 0}, {"max_words", 3}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(said(h) == "one two three and more. ");
  REQUIRE(h.push("requests", h.now(), request(2, "more")));
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  REQUIRE(h.push("requests", h.now(), request(3, "Go on")));
  REQUIRE(h.advance_to(timestamp::of_ms(1200)));
  CHECK(said(h) == "one two three and more. four five six and more. seven. ");
  CHECK(h.counter("more_asked") == 2);
  REQUIRE(h.push("requests", h.now(), request(4, "more")));  // there is none: a task like any other
  REQUIRE(h.advance_to(timestamp::of_ms(1600)));
  CHECK(said(h).ends_with("no result. "));
  REQUIRE(h.close());
}

TEST_CASE("a task is given the conversation that was linked") {
  std::string seen;
  registry types = tools_with(scripted_tool([](auto&, auto&) { return std::string("x"); }));
  add_script(types, [&](const plan_view& v) {
    seen = v.task.transcript;
    return plan_step::answer("fine");
  });
  harness h(type_of<background::agent>(),
            {.config = config({{"planner", std::string("script")}}), .types = &types});
  REQUIRE(h.open());
  auto d = request(1);
  d.transcript = "user: as the model says";
  REQUIRE(h.push("requests", h.now(), d));
  CHECK(seen == "user: as the model says");
  REQUIRE(h.push("heard", h.now(), text{"hello", "heard"}));
  REQUIRE(h.push("said", h.now(), text{"good", "model"}));
  REQUIRE(h.push("requests", h.now(), request(2)));
  CHECK(seen == "0:00 user: hello\n0:00 model: good\n(pending since 0:00: do it)\n");
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  REQUIRE(h.close());
}
