#include <doctest/doctest.h>

#include "actors/replay/retrace.hpp"
#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

using names = std::vector<std::string>;

/// mic > ears > model > speaker
struct chain {
  plan_maker m;
  chain() {
    m.add("mic", 0, 1, counter_source(1));
    m.source("mic");
    m.add("ears", 1, 1, relay());
    m.add("model", 1, 1, relay());
    m.add("speaker", 1, 0, relay(0));
    m.link("mic", 0, "ears", 0);
    m.link("ears", 0, "model", 0);
    m.link("model", 0, "speaker", 0);
  }
};

tape real(const names& outputs = {"mic.out0", "ears.out0", "model.out0"}) {
  tape t({{"clock", "real"}, {"recorder", "run"}});
  for (const auto& o : outputs) t.output(o);
  return t;
}

nlohmann::json took(const std::string& output) { return {{"port", 0}, {"given", {output, 1, 0}}}; }

/// Each actor of the chain is called once with what the one before it said.
tape& calls(tape& t) {
  t.call("mic", "produce", at_ms(10));
  t.call("ears", "packet", at_ms(11), took("mic.out0"));
  t.call("model", "packet", at_ms(12), took("ears.out0"));
  return t.call("speaker", "packet", at_ms(13), took("model.out0"));
}

retrace_cast cast(const plan& p, tape& t, const replay_request& how = {}) {
  auto out = cast_retrace(p, *t.end(), how);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  return *out;
}

}  // namespace

TEST_CASE("retrace_cast: takes a recording in real time that holds calls") {
  tape virtual_time, with_calls, without = real();
  with_calls.call("ears", "open", at_ms(0));
  auto good = real();
  good.call("ears", "open", at_ms(0));
  CHECK(can_retrace(*good.end()));
  CHECK(!can_retrace(*without.end()));
  CHECK(!can_retrace(*with_calls.end()));
  CHECK(!can_retrace(*virtual_time.end()));
}

TEST_CASE("retrace_cast: all but the sources make their calls again") {
  chain c;
  auto t = real();
  const auto out = cast(c.m.make(), calls(t));
  CHECK(out.live == names{"ears", "model", "speaker"});
  CHECK(out.played == names{"mic"});
  CHECK(out.left_out.empty());
  CHECK(out.notes.empty());
}

TEST_CASE("retrace_cast: --only and --play; who is taken from is played, the rest left out") {
  chain c;
  const auto p = c.m.make();
  struct row {
    replay_request how;
    names live, played, left_out;
  };
  const std::vector<row> rows = {
      {{.only = {"model"}}, {"model"}, {"ears"}, {"mic", "speaker"}},
      {{.only = {"*e*"}, .play = {"model"}}, {"ears", "speaker"}, {"mic", "model"}, {}},
      {{.play = {"ears", "speaker"}}, {"model"}, {"ears"}, {"mic", "speaker"}},
  };
  for (const auto& r : rows) {
    auto t = real();
    const auto out = cast(p, calls(t), r.how);
    CHECK(out.live == r.live);
    CHECK(out.played == r.played);
    CHECK(out.left_out == r.left_out);
    CHECK(out.notes.empty());
  }
}

TEST_CASE("retrace_cast: what comes from outside of the calls makes an actor one that is played") {
  chain c;
  const auto p = c.m.make();
  const auto note_for = [&](auto also) {
    auto t = real();
    calls(t);
    also(t);
    const auto out = cast(p, t);
    CHECK(out.live == names{"ears", "speaker"});
    CHECK(out.played == names{"mic", "model"});
    REQUIRE(out.notes.size() == 1);
    return out.notes[0];
  };
  CHECK(note_for([](tape& t) { t.call("model", "task", at_ms(20)); }) ==
        "model is played: it told what threads of its own found out");
  CHECK(note_for([](tape& t) {
          t.call("model", "tick", at_ms(20), {{"k", 0}, {"failed", true}});
        }) == "model is played: it failed");
  for (const auto* what : {"hung", "restarting", "lost"}) {
    CAPTURE(what);
    CHECK(note_for([&](tape& t) { t.event(at_ms(20), "model", what); }) ==
          "model is played: it failed");
  }
  // Others' events, and other events, are none of its business.
  auto t = real();
  calls(t).event(at_ms(20), "mic", "restarting").event(at_ms(20), "model", "interrupted");
  CHECK(cast(p, t).live.size() == 3);
}

TEST_CASE("retrace_cast: an actor that was never called is left out, without a word") {
  chain c;
  auto t = real();
  t.call("mic", "produce", at_ms(10));
  t.call("ears", "packet", at_ms(11), took("mic.out0"));
  const auto out = cast(c.m.make(), t);
  CHECK(out.live == names{"ears"});
  CHECK(out.left_out == names{"model", "speaker"});
  CHECK(out.notes.empty());
}

TEST_CASE("retrace_cast: who lacks an input is not made again, nor who lives on what it said") {
  chain c;
  auto t = real({"model.out0"});
  const auto out = cast(c.m.make(), calls(t));
  // mic.out0 is missing for ears, whose output is missing for model, whose output is there.
  CHECK(out.live == names{"speaker"});
  CHECK(out.played == names{"model"});
  CHECK(out.left_out == names{"mic", "ears"});
  CHECK(out.notes == names{"ears is left out: mic.out0, which it took, is not in the recording",
                           "model is played: ears.out0, which it took, is not in the recording"});
}

TEST_CASE("retrace_cast: what a call took in sets counts as well") {
  chain c;
  auto t = real({"ears.out0"});
  t.call("model", "sets", at_ms(200),
         {{"sets",
           {{{"s", 1},
             {"k", 0},
             {"e", 0},
             {"missing", {0}},
             {"in", {{0, "ears.out0", 1, 0}, {0, "side.out0", 1, 0}}}}}}});
  const auto out = cast_retrace(c.m.make(), *t.end(), {});
  REQUIRE(!out);
  CHECK(out.error().code == "replay.nothing_runs");
  CHECK(out.error().message ==
        "no actor is left that would run: model is left out: side.out0, which it took, is not in "
        "the recording");
}

TEST_CASE("retrace_cast: globs that name nothing, and nothing that would run") {
  chain c;
  const auto p = c.m.make();
  auto t = real();
  const auto from = calls(t).end();
  for (const auto& how : {replay_request{.only = {"eras"}}, replay_request{.play = {"eras"}}}) {
    const auto out = cast_retrace(p, *from, how);
    REQUIRE(!out);
    CHECK(out.error().code == "replay.no_such_actor");
    CHECK(out.error().message == "no actor matches `eras`; actors: mic, ears, model, speaker");
  }
  const auto none = cast_retrace(p, *from, {.play = {"*"}});
  REQUIRE(!none);
  CHECK(none.error().code == "replay.nothing_runs");
  CHECK(none.error().message == "the recording holds no calls of an actor that would run");
}

TEST_CASE("retrace_cast: actors of all revisions, and a source of one of them is one") {
  chain c;
  const auto p = c.m.make();
  c.m.add("tap", 1, 0, relay(0));
  c.m.link("mic", 0, "tap", 0);
  std::vector<later_graph> later{{2, at_ms(200), c.m.make()}};
  auto t = real();
  const auto from = calls(t).call("tap", "packet", at_ms(210), took("mic.out0"), 5).end();
  const auto out = cast_retrace(p, *from, {}, later);
  REQUIRE(out);
  CHECK(out->live == names{"ears", "model", "speaker", "tap"});
  CHECK(cast_retrace(p, *from, {.only = {"tap"}}, later)->live == names{"tap"});
  CHECK(cast_retrace(p, *from, {.only = {"tap"}}).error().code == "replay.no_such_actor");
}
