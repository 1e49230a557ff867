#include "actors/alerts/alerts.hpp"

#include <nlohmann/json.hpp>

#include "actors/alerts/names.hpp"
#include "actors/host/run/run_plan.test.hpp"
#include "graph/contract/harness.hpp"
#include "graph/core/clock.hpp"

using namespace hocket;
using namespace hocket::alerts;
using namespace hocket::testing;
using json = nlohmann::json;

namespace {

timestamp at_s(double s) { return timestamp(static_cast<std::int64_t>(s * 1e9)); }

/// A run whose figures the test says.
struct told_run final : run_watch {
  run_figures says{.sessions = 1};
  std::string name() const override { return "told"; }
  std::string hash() const override { return ""; }
  std::string expanded_yaml() const override { return ""; }
  std::string output_of(const packet_header&) const override { return ""; }
  run_figures figures() const override { return says; }
  bool tells_of_run(const packet_header&) const override { return true; }
};

std::unique_ptr<component> make_alert(const std::string& type, std::vector<setting> keys) {
  registry types;
  REQUIRE(register_alerts(types));
  const auto* known = types.find_component(type);
  REQUIRE(known != nullptr);
  const auto config = known->make_config();
  diagnostics findings;
  read_config(settings(std::move(keys)), *config, type, {}, findings);
  REQUIRE_MESSAGE(!findings.has_errors(), findings.to_string());
  return known->make(*config);
}

/// One alert, and the run that it watches; a tick is 200 ms.
struct stage final : emitter {
  told_run run;
  manual_clock time;
  std::unique_ptr<component> subject;
  std::map<std::string, std::int64_t> counters;
  std::vector<std::string> logs;
  std::vector<json> said;
  session_id to = session_id{1};

  stage(const std::string& type, std::vector<setting> keys)
      : subject(make_alert(type, std::move(keys))) {
    context where;
    where.actor = "r";
    where.time = &time;
    where.graph = &run;
    where.count = [this](std::string_view name, std::int64_t n) {
      counters[std::string(name)] += n;
    };
    where.log = [this](std::string_view line) { logs.emplace_back(line); };
    REQUIRE(subject->open(where));
  }
  void emit(std::size_t port, packet p) override {
    CHECK(port == 0);
    CHECK(to == session_id::none);
    CHECK(p.get_if<hocket::text>()->role == "alert");
    said.push_back(json::parse(p.get_if<hocket::text>()->value));
    CHECK(said.back()["alert"] == "r");
  }
  void interrupt() override {}
  void for_session(session_id s) override { to = s; }

  void step(int ticks = 1) {
    for (int i = 0; i < ticks; ++i) {
      time.advance(std::chrono::milliseconds(200));
      REQUIRE(subject->tick(0, *this));
    }
  }
  /// "raised 3", "cleared 0": each change with its value.
  std::vector<std::string> changes() const {
    std::vector<std::string> out;
    for (const auto& j : said)
      out.push_back(j["state"].get<std::string>() + " " + std::to_string(j["value"].get<int>()));
    return out;
  }
  std::string last_text() const { return said.back()["text"]; }
};

}  // namespace

TEST_CASE("growth: what a counter grew by within the window, and what fell began anew") {
  growth g(std::chrono::seconds(10));
  CHECK(g.look(at_s(0), 100) == 0);  // what was before is nobody's
  CHECK(g.look(at_s(1), 103) == 3);
  CHECK(g.look(at_s(9), 104) == 4);
  CHECK(g.look(at_s(10.5), 104) == 4);
  CHECK(g.look(at_s(11.5), 104) == 1);
  CHECK(g.look(at_s(19.5), 104) == 0);
  CHECK(g.look(at_s(20), 2) == 2);
  CHECK(g.look(at_s(40), 2) == 0);
}

TEST_CASE("growth: a long window over many looks is kept in bounds and stays near the truth") {
  growth g(std::chrono::hours(1));
  std::uint64_t n = 0;
  // Five looks a second for two hours, one event each second.
  for (int i = 0; i < 36'000; ++i) {
    const auto seen = g.look(at_s(i / 5.0), n += (i % 5 == 0) ? 1 : 0);
    if (i > 18'100) {
      CHECK(seen >= 3599 - 1);
      CHECK(seen <= 3600 + 3600 / growth::samples_max + 1);
    }
  }
}

TEST_CASE("latch: what wavers about its threshold is raised once") {
  latch l({.above = 10, .clear_at = 5, .clear_for = std::chrono::seconds(2)});
  using enum latch::change;
  CHECK(l.look(at_s(0), 10) == none);
  CHECK(l.look(at_s(1), 11) == raised);
  int changes = 0;
  for (int i = 0; i < 100; ++i)
    if (l.look(at_s(2 + i), i % 2 == 0 ? 4 : 11) != none) ++changes;
  CHECK(changes == 0);
  CHECK(l.look(at_s(200), 5) == none);
  CHECK(l.look(at_s(201.9), 5) == none);
  CHECK(l.look(at_s(202), 5) == cleared);
  CHECK(l.look(at_s(203), 11) == raised);
}

TEST_CASE("dropped: what ports drop for reasons that lose something, over a window") {
  stage s("alert.dropped",
          {{"port", "mic.audio"}, {"above", 2}, {"within_s", 2.0}, {"clear_s", 1.0}});
  s.run.says.links = {{"mic.audio @edge", "ears.audio", 10, {{"replaced", 100}}},
                      {"ears.frames", "model.audio", 10, {{"too_old", 7}}}};
  s.step(2);
  s.run.says.links[0].dropped = {{"replaced", 200}, {"too_old", 2}};
  s.run.says.links[1].dropped = {{"too_old", 70}};
  s.step();
  CHECK(s.changes().empty());
  s.run.says.links[0].dropped[1].second = 3;
  s.step(40);
  CHECK(s.changes() == std::vector<std::string>{"raised 3", "cleared 0"});
  CHECK(s.counters["raised"] == 1);
  CHECK(s.counters["active"] == 0);
  CHECK(s.logs.front() ==
        "alert raised: 3 packets dropped in 2 s (above 2): mic.audio > ears.audio too_old 3");
}

TEST_CASE("dropped: the graph says which reasons count") {
  stage s("alert.dropped", {{"reasons", value(value::list{value(std::string("replaced"))})}});
  s.run.says.links = {{"a.b", "c.d", 0, {{"replaced", 1}, {"late", 1}}}};
  s.step(2);
  s.run.says.links[0].dropped = {{"replaced", 1}, {"late", 5}};
  s.step(2);
  CHECK(s.changes().empty());
  s.run.says.links[0].dropped[0].second = 2;
  s.step(2);
  CHECK(s.changes() == std::vector<std::string>{"raised 1"});
}

TEST_CASE("budget_missed and restarted: of one, or of all together") {
  stage s("alert.budget_missed", {{"above", 1}, {"within_s", 10.0}});
  s.run.says.budgets = {{"a > b", 5}, {"b > c", 0}, {"b > c", 1}};
  s.step(2);
  s.run.says.budgets = {{"a > b", 6}, {"b > c", 0}, {"b > c", 2}};
  s.step();
  CHECK(s.changes() == std::vector<std::string>{"raised 2"});
  CHECK(s.last_text() == "2 budget misses in 10 s (above 1): b > c 1, a > b 1");
  stage one("alert.restarted", {{"actor", "model"}});
  one.run.says.actors = {{"model", 0}, {"ears", 0}};
  one.step(2);
  one.run.says.actors = {{"model", 0}, {"ears", 3}};
  one.step(2);
  CHECK(one.changes().empty());
  one.run.says.actors[0].restarts = 1;
  one.step(2);
  CHECK(one.changes() == std::vector<std::string>{"raised 1"});
}

TEST_CASE("silent: a port that carried nothing for so long; with nobody there it may") {
  stage s("alert.silent", {{"port", "model.audio"}, {"for_s", 1.0}, {"clear_s", 0.5}});
  s.run.says.links = {{"model.audio", "speaker.audio", 0}};
  s.run.says.sessions = 0;
  s.step(50);
  CHECK(s.changes().empty());
  s.run.says.sessions = 1;
  s.step(7);
  CHECK(s.changes() == std::vector<std::string>{"raised 1"});
  CHECK(s.last_text() == "model.audio has carried nothing for 1.2 s");
  for (int i = 0; i < 5; ++i) {
    ++s.run.says.links[0].sent;
    s.step();
  }
  CHECK(s.changes() == std::vector<std::string>{"raised 1", "cleared 0"});
  CHECK(s.last_text() == "model.audio carries packets");
}

TEST_CASE("an actor with replicas is all of them together, in whatever names it") {
  using names = std::vector<std::string>;
  stage mute("alert.silent", {{"port", "model.audio"}, {"for_s", 1.0}});
  mute.run.says.links = {{"model/1.audio", "speaker.audio", 0},
                         {"model/2.audio", "speaker.audio @edge", 0},
                         {"model.b/2.audio", "speaker.audio", 0},  // another actor, of an include
                         {"model/2x.audio", "speaker.audio", 0}};
  for (int i = 0; i < 10; ++i) {
    ++mute.run.says.links[1].sent;  // one replica alone speaks
    mute.step();
  }
  CHECK(mute.changes().empty());
  for (int i = 0; i < 10; ++i) {
    ++mute.run.says.links[2].sent;
    ++mute.run.says.links[3].sent;
    mute.step();
  }
  CHECK(mute.changes() == names{"raised 1"});

  stage input("alert.silent", {{"port", "model.frames"}, {"for_s", 1.0}});
  input.run.says.links = {{"ears.frames", "model/1.frames", 0},
                          {"ears.frames", "model/12.frames", 0}};
  input.step(2);
  for (int i = 0; i < 10; ++i) {
    ++input.run.says.links[1].sent;
    input.step();
  }
  CHECK(input.changes().empty());
  input.step(10);
  CHECK(input.changes() == names{"raised 1"});

  stage lossy("alert.dropped", {{"port", "model.audio"}, {"above", 2}});
  lossy.run.says.links = {{"model/1.audio", "speaker.audio", 9, {{"too_old", 0}}},
                          {"model/2.audio", "speaker.audio", 9, {{"too_old", 0}}}};
  lossy.step();
  for (auto& l : lossy.run.says.links) l.dropped = {{"too_old", 2}};
  lossy.step();
  CHECK(lossy.changes() == names{"raised 4"});
  CHECK(lossy.last_text().find("model/2.audio > speaker.audio too_old 2") != std::string::npos);

  stage shaky("alert.restarted", {{"actor", "model"}});
  shaky.run.says.actors = {{"model/1", 0}, {"model/2", 0}, {"other", 0}};
  shaky.step();
  shaky.run.says.actors = {{"model/1", 1}, {"model/2", 0}, {"other", 7}};
  shaky.step();
  CHECK(shaky.changes() == names{"raised 1"});
  CHECK(shaky.last_text().find("model/1 1") != std::string::npos);

  const value::list path = {value(std::string("mic")), value(std::string("model")),
                            value(std::string("speaker"))};
  stage late("alert.budget_missed", {{"path", value(path)}});
  late.run.says.budgets = {{"mic > model/1 > speaker", 0}, {"mic > model/2 > speaker", 0}};
  late.step();
  late.run.says.budgets[1].missed = 3;
  late.step();
  CHECK(late.changes() == names{"raised 3"});
}

TEST_CASE("host_lost: another host that is away for so long, and is back") {
  stage s("alert.host_lost", {{"for_s", 1.0}, {"clear_s", 1.0}});
  s.run.says.hosts = {{"edge", true}, {"gpu", true}};
  s.step(3);
  s.run.says.hosts[1] = {"gpu", false, "silent"};
  s.step(3);
  s.run.says.hosts[1] = {"gpu", true};  // a short one is none
  s.step(3);
  CHECK(s.changes().empty());
  s.run.says.hosts[1] = {"gpu", false, "silent"};
  s.step(8);
  CHECK(s.changes() == std::vector<std::string>{"raised 1"});
  CHECK(s.last_text().starts_with("a host is away for 1."));
  CHECK(s.last_text().ends_with(" s: gpu: silent"));
  s.run.says.hosts[1] = {"gpu", true};
  s.step(10);
  CHECK(s.changes().size() == 2);
}

TEST_CASE("an alert that is raised at the end is none of whoever comes next") {
  stage s("alert.restarted", {});
  s.run.says.actors = {{"model", 0}};
  s.step(2);
  s.run.says.actors = {{"model", 1}};
  s.step(2);
  CHECK(s.counters["active"] == 1);
  REQUIRE(s.subject->close(s));
  CHECK(s.counters["active"] == 0);
}

namespace {

/// A source that says nothing from 2 to 6 s, a receiver that fails at 8 s; rules over both; what the
/// alerts say is heard by `told`.
std::vector<std::string> alerts_of_a_run(bool virtual_time) {
  plan_maker g;
  REQUIRE(register_alerts(g.types));
  g.add("src", 0, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [](timestamp until, emitter& out) -> result<source_state> {
      if (until >= at_s(12)) return source_state::end_of_stream;
      if (until < at_s(2) || until > at_s(6)) out.emit(0, until, text{"x", "user"});
      return source_state::more;
    };
    return c;
  });
  g.source("src", 100);
  const auto failed = std::make_shared<bool>(false);
  g.add("ear", 1, 0, [failed] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [failed](std::size_t, const packet& p, emitter&) -> result<void> {
      if (p.header.ts < at_s(8) || std::exchange(*failed, true)) return {};
      return fail("test.failed", "once");
    };
    return c;
  });
  const auto watch = [&](const char* name, const char* type, std::vector<setting> keys) {
    g.add(name, 0, 1, [=] { return make_alert(type, keys); });
    auto& info = g.info(name);
    info.type = type;
    info.scope = instance_scope::shared;
    info.ticks = true;
  };
  watch("mute", "alert.silent", {{"port", "src.out0"}, {"for_s", 1.0}, {"clear_s", 1.0}});
  watch("shaky", "alert.restarted", {{"within_s", 2.0}, {"clear_s", 0.0}});
  watch("never", "alert.dropped", {{"above", 100}});
  const auto heard = std::make_shared<notebook>();
  g.add("told", 1, 0, [heard] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [heard](std::size_t, const packet& p, emitter&) -> result<void> {
      const auto j = json::parse(p.get_if<text>()->value);
      heard->add(j["alert"].get<std::string>() + " " + j["state"].get<std::string>());
      return {};
    };
    return c;
  });
  g.link("src", 0, "ear", 0);
  for (const char* name : {"mute", "shaky", "never"}) g.link(name, 0, "told", 0);
  const auto done = host::run_plan(g, virtual_time);
  CHECK(done.why == host::end_reason::finished);
  for (const auto& a : done.last.actors)
    if (watches_run(a.component)) CHECK(row_of(a.counters).raised == (a.name == "never" ? 0 : 1));
  return heard->lines();
}

}  // namespace

TEST_CASE("a run in virtual time: silence and a restart are raised and cleared, once each") {
  const auto once = alerts_of_a_run(true);
  CHECK(once ==
        std::vector<std::string>{"mute raised", "mute cleared", "shaky raised", "shaky cleared"});
  CHECK(alerts_of_a_run(true) == once);
}
