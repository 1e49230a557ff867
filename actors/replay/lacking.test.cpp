#include "actors/replay/lacking.hpp"

#include <doctest/doctest.h>

#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

/// mic and cam are played; ears hears mic, eyes cam, model both of those.
struct graph {
  plan_maker m;
  graph() {
    for (const std::string source : {"mic", "cam"}) m.add(source, 0, 1, counter_source(1));
    for (const std::string one : {"ears", "eyes"}) m.add(one, 1, 1, relay());
    m.add("model", 2, 0, relay(0));
    m.link("mic", 0, "ears", 0);
    m.link("cam", 0, "eyes", 0);
    m.link("ears", 0, "model", 0);
    m.link("eyes", 0, "model", 1);
  }
  void on(const std::string& actor, const std::string& host) { m.actor(actor).host = host; }
  static std::vector<role> roles() {
    return {role::played, role::played, role::live, role::live, role::live};
  }
};

tape made_by(const std::string& host) {
  return tape({{"clock", "virtual"}, {"recorder", "run"}, {"edges", "*"}, {"host", host}});
}

std::vector<diagnostic> findings(const plan& p, const record::recording& from,
                                 const std::vector<role>& roles = graph::roles()) {
  lacking_list all(from);
  all.look(p, roles, 1);
  return all.findings("talk.mcap").items();
}

}  // namespace

TEST_CASE("lacking: nothing, where all that is played is there") {
  graph g;
  const auto p = g.m.make();
  tape t;
  CHECK(findings(p, *t.output("mic.out0").output("cam.out0").end()).empty());
  // What feeds only actors that are played or left out may be missing.
  tape empty;
  const auto nothing = empty.output("ears.out0").end();
  CHECK(findings(p, *nothing,
                 {role::left_out, role::left_out, role::played, role::left_out, role::live})
            .empty());
  CHECK(findings(p, *nothing, std::vector<role>(5, role::live)).empty());
  CHECK(findings(p, *nothing, std::vector<role>(5, role::played)).empty());
}

TEST_CASE("lacking: each output is told once, with all that it feeds and what there is instead") {
  graph g;
  g.m.link("mic", 0, "model", 1);
  g.m.link("mic", 0, "model", 0);
  const auto p = g.m.make();
  tape t;
  const auto found = findings(p, *t.output("ears.out0").output("cam.out0").end());
  REQUIRE(found.size() == 1);
  CHECK(to_string(found[0]) ==
        "talk.mcap: error: mic.out0 feeds ears, model, but is not in the recording (which holds "
        "cam.out0, ears.out0) [replay.not_recorded]\n"
        "  hint: run fewer actors with --only, or give mic another component with --replace\n");
  tape empty;
  const auto both = findings(p, *empty.end());
  REQUIRE(both.size() == 2);
  CHECK(both[0].message.find("(which holds no outputs)") != std::string::npos);
  CHECK(both[1].message.find("cam.out0 feeds eyes,") == 0);
}

TEST_CASE("lacking: of several graphs, the first revision that needs it is named") {
  graph g;
  auto p = g.m.make();
  tape t;
  const auto from = t.output("cam.out0").end();
  lacking_list all(*from);
  all.look(p, {role::left_out, role::played, role::left_out, role::live, role::left_out}, 1);
  CHECK(all.findings("").items().empty());
  all.look(p, graph::roles(), 2);
  g.m.add("late", 1, 0, relay(0));
  g.m.link("mic", 0, "late", 0);
  p = g.m.make();
  auto roles = graph::roles();
  roles.push_back(role::live);
  all.look(p, roles, 3);
  const auto found = all.findings("").items();
  REQUIRE(found.size() == 1);
  CHECK(found[0].message.find("revision 2: mic.out0 feeds ears, late, but") == 0);
}

TEST_CASE("lacking: another host's outputs are one finding, with its recording as the way out") {
  graph g;
  for (const auto* name : {"mic", "cam"}) g.on(name, "edge");
  for (const auto* name : {"ears", "eyes", "model"}) g.on(name, "gpu");
  const auto p = g.m.make();
  auto t = made_by("gpu");
  const auto found = findings(p, *t.output("ears.out0").output("eyes.out0").end());
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "replay.other_host");
  CHECK(found[0].message ==
        "host gpu made this recording, and what host edge emitted is not in it: mic.out0 (feeds "
        "ears), cam.out0 (feeds eyes)");
  CHECK(found[0].hint.find("replay the recording that host edge made") == 0);
  REQUIRE(found[0].notes.size() == 2);
  CHECK(found[0].notes[0] == "this recording feeds model: `--only model`");
  CHECK(found[0].notes[1] ==
        "to run something else in its place: `--replace mic=COMPONENT --replace cam=COMPONENT`, "
        "keys with --set");
}

TEST_CASE("lacking: what is played comes from two other hosts") {
  graph g;
  g.on("mic", "left");
  g.on("cam", "right");
  for (const auto* name : {"ears", "eyes", "model"}) g.on(name, "gpu");
  const auto p = g.m.make();
  auto t = made_by("gpu");
  const auto found = findings(p, *t.end());
  REQUIRE(found.size() == 2);
  for (const auto& d : found) {
    CHECK(d.code == "replay.other_host");
    CHECK(d.hint.find("comes from hosts left, right, and a replay takes one") != std::string::npos);
    // It feeds nobody, so that is not offered.
    CHECK(d.notes.size() == 1);
  }
  CHECK(found[0].message.find("what host left emitted") != std::string::npos);
  CHECK(found[1].message.find("what host right emitted") != std::string::npos);
}

TEST_CASE("lacking: whom the recording feeds must hold in every graph") {
  graph g;
  for (const auto* name : {"mic", "cam"}) g.on(name, "edge");
  for (const auto* name : {"ears", "eyes", "model"}) g.on(name, "gpu");
  auto p = g.m.make();
  auto t = made_by("gpu");
  const auto from = t.output("ears.out0").output("eyes.out0").end();
  lacking_list all(*from);
  all.look(p, graph::roles(), 1);
  g.m.link("mic", 0, "model", 0);
  p = g.m.make();
  all.look(p, graph::roles(), 2);
  const auto found = all.findings("").items();
  REQUIRE(found.size() == 1);
  CHECK(found[0].notes.size() == 1);
  CHECK(found[0].message.find("mic.out0 (feeds ears, model)") != std::string::npos);
}

TEST_CASE("lacking: what this host's own recorder left out is not another host's") {
  graph g;
  for (const auto* name : {"mic", "cam", "ears", "eyes", "model"}) g.on(name, "edge");
  const auto p = g.m.make();
  auto t = made_by("edge");
  const auto found = findings(p, *t.output("cam.out0").end());
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "replay.not_recorded");
  // A graph without hosts, whoever recorded it.
  graph alone;
  auto other = made_by("edge");
  CHECK(findings(alone.m.make(), *other.end())[0].code == "replay.not_recorded");
}
