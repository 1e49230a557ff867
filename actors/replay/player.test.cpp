#include "actors/replay/player.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "actors/replay/listener.hpp"
#include "actors/replay/names.hpp"
#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

constexpr session_id one{1}, two{2};

/// Writes down what a component does with its emitter.
struct script final : emitter {
  std::vector<std::string> lines;
  std::optional<session_id> session;

  void emit(std::size_t port, packet p) override {
    const auto* c = p.get_if<control>();
    const auto what = c != nullptr ? std::string(to_string(c->what)) : p.get_if<text>()->value;
    lines.push_back(who() + std::to_string(port) + ":" + what + "@" +
                    std::to_string(p.header.ts.ns() / 1'000'000));
    CHECK(p.header.seq == 0);  // the host numbers it
  }
  void interrupt() override { lines.push_back(who() + "interrupt"); }
  void for_session(session_id to) override { session = to; }
  std::string who() const {
    return session ? "s" + std::to_string(static_cast<std::uint64_t>(*session)) + " " : "";
  }
};

component_info two_outputs(instance_scope scope = instance_scope::session) {
  component_info info;
  info.scope = scope;
  info.source = true;
  info.outputs = {{"x", {.kind = payload_kind::text}, ""}, {"y", {.kind = payload_kind::text}, ""}};
  return info;
}

/// What a player of "mic" says up to each time; " |" where it says that it is over.
std::vector<std::string> played(const std::shared_ptr<const record::recording>& from,
                                const std::vector<std::int64_t>& times_ms, session_id session = one,
                                std::int64_t opened_ms = 0) {
  const auto scope = session == session_id::none ? instance_scope::shared : instance_scope::session;
  player p(track_of(from, "mic", two_outputs(scope)));
  manual_clock time;
  time.set(at_ms(opened_ms));
  context where;
  where.session = session;
  where.time = &time;
  REQUIRE(p.open(where));
  std::vector<std::string> out;
  for (const auto t : times_ms) {
    script s;
    const auto state = p.produce(at_ms(t), s);
    REQUIRE(state);
    std::string line;
    for (const auto& l : s.lines) line += (line.empty() ? "" : ", ") + l;
    out.push_back(line + (*state == source_state::end_of_stream ? " |" : ""));
  }
  return out;
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("player: packets come when they were emitted, with their own times, in their order") {
  tape t;
  packet early = make_packet(at_ms(7), word("a"));
  early.header.session = one;
  early.header.seq = 12;
  t.say("mic.x", at_ms(20), early);
  t.say("mic.y", at_ms(20), 0, word("b"));
  t.say("mic.x", at_ms(20), 1, word("c"));
  t.say("mic.y", at_ms(40), 1, word("d"));
  const auto from = t.end();
  CHECK(played(from, {19, 20, 39, 60, 80}) ==
        lines{"", "0:a@7, 1:b@20, 0:c@20", "", "1:d@40 |", " |"});
}

TEST_CASE("player: bounds, ends and interruptions come again; the last end is its own end") {
  tape t;
  t.say("mic.x", at_ms(10), 0, word("a"));
  t.mark("mic.x", at_ms(20), control::kind::bound);
  t.mark("mic.x", at_ms(30), control::kind::interrupt, 1, 1);
  t.mark("mic.y", at_ms(40), control::kind::end_of_stream);
  t.say("mic.x", at_ms(50), 1, word("b"));
  t.mark("mic.x", at_ms(60), control::kind::end_of_stream);
  const auto from = t.end();
  CHECK(played(from, {10, 20, 30, 40, 50, 59, 60}) ==
        lines{"0:a@10", "0:bound@20", "interrupt", "1:end_of_stream@40", "0:b@50", "", " |"});
}

TEST_CASE("player: without an end of its own it is over when the recording is") {
  tape t;
  t.say("mic.x", at_ms(10), 0, word("a"));
  t.say("other.x", at_ms(100), 0, word("z"));
  const auto from = t.end();
  CHECK(played(from, {10, 99, 100}) == lines{"0:a@10", "", " |"});
}

TEST_CASE("player: an actor that said nothing is over at once") {
  tape t;
  t.output("mic.x").say("other.x", at_ms(100), 0, word("z"));
  const auto from = t.end();
  CHECK(played(from, {10}) == lines{" |"});
  CHECK(track_of(from, "nobody", two_outputs())->sessions.empty());
}

TEST_CASE("player: of one session it says that session's, a shared one says all") {
  tape t;
  t.say("mic.x", at_ms(10), 0, word("a"), 1);
  t.say("mic.x", at_ms(10), 0, word("b"), 2);
  t.say("mic.y", at_ms(20), 0, word("c"), 1);
  t.say("mic.y", at_ms(20), 0, word("d"), 0);
  const auto from = t.end();
  CHECK(played(from, {20}) == lines{"0:a@10, 1:c@20 |"});
  CHECK(played(from, {20}, two) == lines{"0:b@10 |"});
  CHECK(played(from, {20}, session_id{3}) == lines{" |"});
  CHECK(played(from, {20}, session_id::none) ==
        lines{"s1 0:a@10, s2 0:b@10, s1 1:c@20, s0 1:d@20 |"});
}

TEST_CASE("player: what was said to everybody is said to everybody, and to nobody once more") {
  tape t;
  t.say("mic.x", at_ms(10), 0, word("hello"), 1);  // to it alone, and then to all the same
  for (const int session : {1, 2, 0})
    t.say("mic.x", at_ms(10), session == 1 ? 1 : 0, word("hello"), session);
  t.say("mic.x", at_ms(10), 2, word("aside"), 1);
  t.say("mic.y", at_ms(20), 0, word("late"), 2);  // another output
  t.say("mic.x", at_ms(20), 1, word("late"), 0);
  t.say("mic.x", at_ms(30), 1, word("one"), 2);  // other words
  t.say("mic.x", at_ms(30), 2, word("two"), 0);
  // Where the file ends between them, those that are there are said to whom they went.
  t.say("mic.x", at_ms(40), 3, word("torn"), 1);
  const auto from = t.end();
  CHECK(played(from, {10, 20, 30, 40}, session_id::none) ==
        lines{"s1 0:hello@10, s0 0:hello@10, s1 0:aside@10", "s2 1:late@20, s0 0:late@20",
              "s2 0:one@30, s0 0:two@30", "s1 0:torn@40 |"});
}

TEST_CASE("player: one that comes with a rewire says nothing of what was before it") {
  tape t;
  for (int n = 0; n < 4; ++n)
    t.say("mic.x", at_ms(100 * n), static_cast<std::uint64_t>(n), word(std::to_string(n)));
  const auto from = t.end();
  CHECK(played(from, {400}, one, 200) == lines{"0:3@300 |"});
  CHECK(played(from, {400}, one, 0) == lines{"0:0@0, 0:1@100, 0:2@200, 0:3@300 |"});
}

TEST_CASE("player: keeps the period where the recorded times fit it, else takes one of 1 ms") {
  struct row {
    const char* why;
    std::int32_t period_ms;
    std::vector<std::int64_t> at_us;
    std::int32_t expected_ms;
  };
  const std::vector<row> rows = {
      {"multiples", 20, {20'000, 40'000, 400'000}, 20},
      {"ends of micro-turns fit any period", 30, {30'000, 200'000, 400'000}, 30},
      {"between two periods", 20, {20'000, 50'000}, 1},
      {"a run in real time", 20, {20'137}, 1},
      {"before the first period", 20, {0}, 1},
      {"nothing was said", 20, {}, 20},
      {"as fast as it can", 1, {17'000}, 1},
  };
  for (const auto& r : rows) {
    CAPTURE(r.why);
    tape t;
    t.output("mic.x");
    std::uint64_t n = 0;
    for (const auto us : r.at_us) t.say("mic.x", timestamp(us * 1000), n++, word("a"));
    auto info = two_outputs();
    info.period_ms = r.period_ms;
    const auto made = player_type(track_of(t.end(), "mic", info), info, {});
    CHECK(made.info.period_ms == r.expected_ms);
    CHECK(made.info.source);
    CHECK(made.info.inputs.empty());
    CHECK(made.info.outputs.size() == 2);
    const auto config = made.make_config();
    CHECK(made.make(*config) != nullptr);
  }
}

TEST_CASE("listener: a source that was fed and said nothing, and no other") {
  plan_maker m;
  m.add("model", 1, 1, relay());
  m.add("screen", 1, 1, counter_source(1));
  m.source("screen");
  m.link("model", 0, "screen", 0);
  m.link("screen", 0, "model", 0, {}, true);
  auto p = m.make();
  const auto screen = m.index_of("screen");
  tape silent, marked, typed, unknown;
  silent.output("screen.out0");
  marked.mark("screen.out0", at_ms(10), control::kind::end_of_stream);
  typed.say("screen.out0", at_ms(10), 0, word("hello"));
  CHECK(only_listened(p, screen, *silent.end()));
  CHECK(only_listened(p, screen, *marked.end()));  // an end is no word
  CHECK(!only_listened(p, screen, *typed.end()));
  CHECK(!only_listened(p, screen, *unknown.end()));  // what it said was not recorded
  tape again;
  const auto from = again.output("screen.out0").output("model.out0").end();
  CHECK(!only_listened(p, m.index_of("model"), *from));  // no source
  p.links[0].removed = true;
  CHECK(!only_listened(p, screen, *from));  // nobody feeds it
  const auto type = listener_type(*p.actors[screen].type);
  CHECK(!type.info.source);
  CHECK(type.info.inputs.size() == 1);
  CHECK(p.actors[screen].type->info.source);
}

TEST_CASE("names: the actor of an output, and globs") {
  CHECK(actor_of("mic.audio") == "mic");
  CHECK(actor_of("left.ears.dmel") == "left.ears");
  CHECK(matches_any({"m?c", "left.*"}, "mic"));
  CHECK(matches_any({"m?c", "left.*"}, "left.ears"));
  CHECK(!matches_any({"m?c", "left.*"}, "left"));
  CHECK(!matches_any({}, "mic"));
}
