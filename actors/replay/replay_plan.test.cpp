#include "actors/replay/replay_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

using names = std::vector<std::string>;

/// mic > ears > model > speaker, and a screen with a keyboard that model feeds and that feeds model.
struct graph {
  plan_maker m;
  graph() {
    m.add("mic", 0, 1, counter_source(1));
    m.source("mic");
    m.add("ears", 1, 1, relay());
    m.add("model", 2, 1, relay());
    m.add("speaker", 1, 0, relay(0));
    m.add("screen", 1, 1, counter_source(1));
    m.source("screen", 50);
    m.link("mic", 0, "ears", 0);
    m.link("ears", 0, "model", 0);
    m.link("screen", 0, "model", 1, {}, true);
    m.link("model", 0, "speaker", 0);
    m.link("model", 0, "screen", 0);
  }
  plan make() const {
    auto p = m.make();
    p.start_order = {4, 3, 2, 1, 0};
    return p;
  }
};

/// All outputs, and one packet of each of `said`.
tape full(const names& said = {"mic.out0", "screen.out0"},
          record::mcap_map facts = {{"clock", "virtual"}, {"recorder", "run"}, {"edges", "*"}}) {
  tape t(std::move(facts));
  for (const auto* o : {"mic.out0", "ears.out0", "model.out0", "screen.out0"}) t.output(o);
  for (const auto& o : said) t.say(o, at_ms(20), 0, word("x"));
  return t;
}

replay_plan made(const plan& p, tape t, const replay_request& request = {},
                 const std::vector<later_graph>& later = {}) {
  auto out = make_replay(p, t.end(), request, later);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  return std::move(*out);
}

names names_of(const plan& p) {
  names out;
  for (const auto& a : p.actors) out.push_back(a.name);
  return out;
}

/// "mic>ears" of each link.
names links_of(const plan& p) {
  names out;
  for (const auto& l : p.links) out.push_back(p.actors[l.from].name + ">" + p.actors[l.to].name);
  return out;
}

bool warns(const replay_plan& p, const std::string& beginning) {
  return std::ranges::any_of(p.warnings, [&](const auto& w) { return w.starts_with(beginning); });
}

}  // namespace

TEST_CASE("replay_plan: sources are played, all others live, and what they hear is as it was") {
  graph g;
  auto original = g.make();
  original.hash = "a hash";
  original.actors[1].host = "edge";
  const auto r = made(original, full());
  CHECK(r.live == names{"ears", "model", "speaker"});
  CHECK(r.played == names{"mic", "screen"});
  CHECK(r.left_out.empty());
  CHECK(r.graph.hash == "a hash");
  CHECK(names_of(r.graph) == names_of(original));
  // Nobody feeds who is played.
  CHECK(links_of(r.graph) == names{"mic>ears", "ears>model", "screen>model", "model>speaker"});
  CHECK(r.graph.start_order == original.start_order);
  for (const auto& a : r.graph.actors) CHECK(a.host.empty());
  CHECK(r.warnings.empty());
  CHECK(r.same_epochs);
}

TEST_CASE("replay_plan: a player fails the replay where it fails, whatever the actor's own rule") {
  graph g;
  g.m.actor("mic").restart.when = restart_policy::mode::on_failure;
  g.m.actor("mic").restart.stop_graph = false;
  g.m.actor("mic").policy = input_policy::latest;
  g.m.actor("ears").restart.when = restart_policy::mode::on_failure;
  const auto r = made(g.make(), full());
  const auto& mic = r.graph.actors[0];
  CHECK(mic.type->info.type == "replay.player");
  CHECK(mic.restart.when == restart_policy::mode::never);
  CHECK(mic.restart.stop_graph);
  CHECK(mic.policy == input_policy::immediate);
  CHECK(r.graph.actors[1].restart.when == restart_policy::mode::on_failure);
  CHECK(r.graph.actors[1].type->info.type == "test.ears");
}

TEST_CASE("replay_plan: a part has its own numbers, in links, budgets and the order of starting") {
  graph g;
  plan_budget inside, across;
  inside.path = {1, 2};
  inside.limit_ms = 7;
  across.path = {0, 1};
  g.m.budgets = {inside, across};
  auto t = full({"ears.out0", "screen.out0"});
  const auto r = made(g.make(), std::move(t), {.only = {"model"}});
  CHECK(names_of(r.graph) == names{"ears", "model", "screen"});
  CHECK(r.left_out == names{"mic", "speaker"});
  CHECK(links_of(r.graph) == names{"ears>model", "screen>model"});
  CHECK(r.graph.start_order == std::vector<actor_index>{2, 1, 0});
  REQUIRE(r.graph.budgets.size() == 1);
  CHECK(r.graph.budgets[0].path == std::vector<actor_index>{0, 1});
  CHECK(r.graph.budgets[0].limit_ms == 7);
  CHECK(!r.same_epochs);
}

TEST_CASE("replay_plan: --only, --play and --replace, alone and together") {
  graph g;
  const auto p = g.make();
  struct row {
    replay_request how;
    names live, played;
  };
  const std::vector<row> rows = {
      {{.only = {"ears", "model"}}, {"ears", "model"}, {"mic", "screen"}},
      {{.only = {"*e*"}, .play = {"ears"}}, {"model", "speaker", "screen"}, {"ears"}},
      {{.play = {"model"}}, {"ears", "speaker"}, {"mic", "model"}},
      {{.replaced = {"mic"}}, {"mic", "ears", "model", "speaker"}, {"screen"}},
      // Who is named with --only decides, also over who has another component.
      {{.only = {"speaker"}, .replaced = {"mic"}}, {"speaker"}, {"model"}},
      {{.only = {"mic", "ears"}}, {"mic", "ears"}, {}},
  };
  for (const auto& r : rows) {
    const auto out = made(p, full(), r.how);
    CHECK(out.live == r.live);
    CHECK(out.played == r.played);
    CHECK(out.live.size() + out.played.size() + out.left_out.size() == p.actors.size());
  }
}

TEST_CASE("replay_plan: a screen at which nobody typed hears again, and produces nothing") {
  graph g;
  const auto r = made(g.make(), full({"mic.out0"}));
  CHECK(r.live == names{"ears", "model", "speaker", "screen"});
  const auto& screen = r.graph.actors[4];
  CHECK(screen.type->info.type == "test.screen");
  CHECK(!screen.type->info.source);
  CHECK(links_of(r.graph).size() == 5);
}

TEST_CASE("replay_plan: globs that name nothing, and nothing that would run") {
  graph g;
  const auto p = g.make();
  const auto error_of = [&](const replay_request& how) {
    const auto out = make_replay(p, full().end(), how);
    REQUIRE(!out);
    return out.error().code + ": " + out.error().message;
  };
  CHECK(error_of({.only = {"eras"}}) ==
        "replay.no_such_actor: no actor of test matches `eras`; did you mean `ears`?");
  CHECK(error_of({.only = {"ears"}, .play = {"nobody-of-this-name"}}) ==
        "replay.no_such_actor: no actor of test matches `nobody-of-this-name`; its actors: mic, "
        "ears, model, speaker, screen");
  CHECK(error_of({.play = {"*"}}).find("replay.nothing_runs: ") == 0);
}

TEST_CASE("replay_plan: sessions are those of the recording, up to a bound") {
  graph g;
  const auto p = g.make();
  CHECK(made(p, full({})).sessions == 1);
  CHECK(made(p, full()).sessions == 1);
  auto third = full();
  third.say("mic.out0", at_ms(40), 0, word("y"), 3);
  CHECK(made(p, std::move(third)).sessions == 3);
  auto shared = full({});
  shared.say("mic.out0", at_ms(40), 0, word("y"), 0);
  CHECK(made(p, std::move(shared)).sessions == 1);
  auto absurd = full();
  packet far = make_packet(at_ms(1), word("z"));
  far.header.session = session_id{UINT64_MAX};
  absurd.say("mic.out0", at_ms(40), far);
  CHECK(made(p, std::move(absurd)).sessions == 100'000);
}

TEST_CASE("replay_plan: what will not be the same is warned about") {
  graph g;
  const auto p = g.make();
  auto t = full({"mic.out0", "screen.out0"}, {{"recorder", "actor"}, {"host", "edge"}});
  t.event(at_ms(100), "", "interrupted")
      .event(at_ms(150), "model", "interrupted")
      .event(at_ms(0), "", "session_opened", "1")
      .event(at_ms(1500), "", "session_opened", "2")
      .event(at_ms(2500), "ears", "restarting", "out of luck");
  auto from = t.end("killed");
  const auto all = make_replay(p, from, {});
  REQUIRE(all);
  CHECK(warns(*all, "the recording is INCOMPLETE: "));
  CHECK(warns(*all, "it was recorded in real time: "));
  CHECK(warns(*all, "host edge recorded it: "));
  CHECK(warns(*all, "it was recorded by an actor of the graph: "));
  CHECK(warns(*all, "the interruption from outside at 0.100 s is not repeated"));
  CHECK(warns(*all, "session 2 began at 1.500 s; here it runs from the beginning"));
  CHECK(warns(*all, "ears failed at 2.500 s; that is not repeated"));
  CHECK(all->warnings.size() == 7);
  CHECK(!all->same_epochs);  // not all outputs were recorded
  // Who interrupted and is not there cannot interrupt again.
  const auto part = make_replay(p, from, {.only = {"ears"}});
  REQUIRE(part);
  CHECK(warns(*part, "model interrupted in the recorded run, and is left out here"));
}

TEST_CASE("replay_plan: who is played before and after a rewire is the same player") {
  graph g;
  const auto p = g.make();
  auto without_screen = p;
  without_screen.actors.pop_back();
  std::erase_if(without_screen.links, [](const auto& l) { return l.from == 4 || l.to == 4; });
  without_screen.start_order = {3, 2, 1, 0};
  std::vector<later_graph> later;
  later.push_back({2, at_ms(200), without_screen});
  later.push_back({3, at_ms(400), p});
  const auto r = made(p, full(), {}, later);
  REQUIRE(r.later.size() == 2);
  CHECK(r.later[0].number == 2);
  CHECK(r.later[1].from == at_ms(400));
  CHECK(names_of(r.later[0].graph) == names{"mic", "ears", "model", "speaker"});
  CHECK(r.later[0].graph.actors[0].type == r.graph.actors[0].type);
  CHECK(r.later[1].graph.actors[4].type == r.graph.actors[4].type);
  CHECK(r.types.size() == 2);
  CHECK(r.played == names{"mic", "screen"});  // told once
  // A glob may mean somebody who comes later.
  std::vector<later_graph> back{{2, at_ms(200), p}};
  CHECK(make_replay(without_screen, full().end(), {.play = {"screen"}}, back));
  CHECK(!make_replay(without_screen, full().end(), {.play = {"screen"}}));
}

TEST_CASE("replay_plan: a later graph that lacks something is named with its revision") {
  graph g;
  const auto p = g.make();
  auto first = p;
  std::erase_if(first.links, [](const auto& l) { return l.from == 4; });
  tape t;
  const auto from = t.output("mic.out0").say("mic.out0", at_ms(20), 0, word("x")).end();
  std::vector<later_graph> later{{2, at_ms(200), p}};
  CHECK(make_replay(first, from, {}));
  CHECK(find_lacking(first, *from, "", {}).items().empty());
  const auto out = make_replay(first, from, {}, later);
  REQUIRE(!out);
  CHECK(out.error().code == "replay.not_recorded");
  CHECK(out.error().message.find("revision 2: screen.out0 feeds model, but is not") == 0);
  const auto found = find_lacking(first, *from, "x.mcap", {}, later).items();
  REQUIRE(found.size() == 1);
  CHECK(found[0].message == out.error().message);
  CHECK(found[0].where.file == "x.mcap");
}
