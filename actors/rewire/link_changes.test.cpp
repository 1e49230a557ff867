// Rewires in which links between hosts come, go and change, over a fake network and over sockets.
#include <doctest/doctest.h>

#include <algorithm>

#include "actors/start_run.hpp"
#include "actors/rewire/link_balance.test.hpp"
#include "actors/rewire/rewire_plans.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

/// src @edge > mid @gpu > end @edge all the time; `src > tap` and `mid > end.in1` come and go, and
/// with the first one its actor `tap` @gpu. A file's name says what is there: "tap", "echo", "all",
/// "" and, after a blank, the queue of src > mid.
struct crossing_part {
  explicit crossing_part(fake_network::conditions w = {}) : conditions(w) {
    stage.g.add("src", 0, 1, numbers_.source(2));
    stage.g.source("src", 5);
    stage.add_valued("mid", 1, 1, [this](std::int64_t value) { return passing("mid", value); });
    stage.add_valued("end", 2, 0, [this](std::int64_t value) { return passing("end", value); });
    // Another component for mid; no actor of its own.
    stage.add_valued("twin", 1, 1, [this](std::int64_t value) { return passing("mid", value); });
    stage.add_valued("tap", 1, 0, [this](std::int64_t value) { return passing("tap", value); });
    stage.g.link("src", 0, "mid", 0, {.size = 4});
    stage.g.link("mid", 0, "end", 0, {.size = 4});
    stage.g.link("src", 0, "tap", 0, {.size = 3});
    stage.g.link("mid", 0, "end", 1, {.size = 3});
  }

  std::unique_ptr<lambda_component> passing(const std::string& name, std::int64_t value) {
    auto c = std::make_unique<lambda_component>();
    c->on_open = [value](const context&) -> result<void> {
      if (value == 9) return fail("test.no", "no device");
      return {};
    };
    c->on_packet = [this, name](std::size_t port, const packet& p, emitter& out) -> result<void> {
      heard.hear(name + "." + std::to_string(port), p);
      if (name == "end" && port == 0) heard_at_end.add(p.get_if<text>()->value);
      const auto us = name == "end" && slow_end_us > 0 ? slow_end_us.load() : slow_us.load();
      if (us > 0) std::this_thread::sleep_for(std::chrono::microseconds(us));
      packet copy;
      copy.header.ts = p.header.ts;
      copy.body = p.body;
      if (name == "mid") out.emit(0, std::move(copy));
      return {};
    };
    return c;
  }

  plan variant(const std::string& file) {
    auto p =
        placed(stage.g,
               {{"src", "edge"}, {"mid", "gpu"}, {"end", "edge"}, {"tap", "gpu"}, {"twin", "gpu"}});
    for (auto& h : p.hosts) h.listen = listen.contains(h.name) ? listen[h.name] : h.listen;
    const auto space = file.find(' ');
    const auto what = file.substr(0, space);
    if (space != file.npos) {
      const auto queue = file.substr(space + 1);
      auto& q = p.links[0].queue;
      if (queue == "latest") q = {.size = 1, .full = full_policy::latest};
      if (queue == "drop") q = {.size = 2, .full = full_policy::drop_oldest};
      if (queue == "wide") q = {.size = 200};
      if (queue == "twin")
        for (auto& a : p.actors)
          if (a.name == "mid") a.type = stage.g.actor("twin").type;
      if (queue == "new") rewire_stage::set_value(p, "mid", 2);
      if (queue == "bad") rewire_stage::set_value(p, "tap", 9);
    }
    if (what != "all" && what != "echo") p.links.erase(p.links.begin() + 3);
    p = cut(p, what != "all" && what != "tap" ? std::set<std::string>{"twin", "tap"}
                                              : std::set<std::string>{"twin"});
    p.hash = file;
    return p;
  }

  start_options options() {
    start_options o;
    o.drain_limit_s = drain_limit_s;
    o.load = [this](graph_text& t) -> result<plan> { return variant(t.file); };
    o.rewired = [this](const rewire_request&, const rewire_outcome& out) {
      told.add(std::string(to_string(out.state)) + " " + std::to_string(out.revision));
    };
    return o;
  }
  std::unique_ptr<host_group> start(const std::string& file = "") {
    auto all =
        std::make_unique<host_group>(variant(file), stage.g.types, false, conditions, options());
    REQUIRE(in_time([&] { return heard.size() > 50; }));
    return all;
  }
  rewire_outcome become(host_group& all, const std::string& file,
                        const std::string& asked = "edge") {
    auto out = all.hosts[asked]->rewire({{file, ""}});
    CAPTURE(file);
    CAPTURE(out.why);
    CHECK(out.state == rewire_state::committed);
    CHECK(out.notes.empty());
    for (auto& [name, r] : all.hosts) CHECK(r->status().law_holds());
    return out;
  }
  /// All the time, from the first number to the last.
  void check_whole(const std::string& who) const {
    CAPTURE(who);
    const auto runs = heard.of(who + " of 1");
    REQUIRE(runs.size() == 1);
    CHECK(runs[0] == std::pair<std::uint64_t, std::uint64_t>(0, packets()));
  }
  std::uint64_t packets() const { return static_cast<std::uint64_t>(numbers_.total()); }
  std::map<std::string, run_summary> finish(host_group& all) {
    numbers_.may_end->store(true);
    return all.wait();
  }

  counting numbers_;
  fake_network::conditions conditions;
  std::map<std::string, std::string> listen;
  heard_ranges heard;
  notebook told, heard_at_end;
  std::atomic<int> slow_us{0}, slow_end_us{0};
  double drain_limit_s = 60;  ///< longer than a busy machine takes; what is forced then is lost
  rewire_stage stage{false};
};

}  // namespace

TEST_CASE("links between hosts come and go, with actors and without: nothing is lost on any") {
  for (const std::string asked : {"edge", "gpu"}) {
    CAPTURE(asked);
    crossing_part s({.seed = 7, .delay_us = 2000});
    auto all = s.start();
    const auto grown = s.become(*all, "all", asked);
    CHECK(grown.links.size() == 2);
    REQUIRE(in_time([&] { return !s.heard.of("tap.0 of 1").empty(); }));
    REQUIRE(in_time([&] { return !s.heard.of("end.1 of 1").empty(); }));
    s.become(*all, "", asked);
    s.become(*all, "echo", asked);  // a link that was here before
    REQUIRE(in_time([&] { return s.heard.of("end.1 of 1").size() == 2; }));
    s.become(*all, "tap", asked);  // one goes, another comes back
    const auto done = s.finish(*all);
    s.check_whole("mid.0");
    s.check_whole("end.0");
    for (const auto* who : {"tap.0", "end.1"}) {
      CAPTURE(who);
      const auto runs = s.heard.of(std::string(who) + " of 1");
      REQUIRE(runs.size() == 2);  // two lives, each without a hole
      CHECK(runs[0].second < runs[1].first);
    }
    CHECK(s.heard.of("tap.0 of 1").back().second == s.packets());
    CHECK(unbalanced(done) == std::vector<std::string>{});
    CHECK_FALSE(all->net.granted_too_early());
  }
}

TEST_CASE("a link that goes while it is full: its last packets arrive, and only then it ends") {
  crossing_part s({.seed = 3, .delay_us = 1000});
  auto all = s.start("all");
  s.slow_us = 10000;  // two packets in 5 ms: what waits becomes more
  REQUIRE(in_time([&] {
    for (const auto& l : all->hosts["edge"]->status().links)
      if (l.to == "tap.in0 @gpu" && l.in_flight >= 3) return true;
    return false;
  }));
  s.become(*all, "");
  s.slow_us = 0;
  const auto done = s.finish(*all);
  s.check_whole("mid.0");
  s.check_whole("end.0");
  CHECK(s.heard.of("tap.0 of 1").size() == 1);
  CHECK(s.heard.of("end.1 of 1").size() == 1);
  CHECK(unbalanced(done) == std::vector<std::string>{});
}

TEST_CASE("a link between hosts changes its queue: lossless ones lose nothing, before and after") {
  crossing_part s({.seed = 5, .delay_us = 1000});
  auto all = s.start();
  const auto wide = s.become(*all, " wide");
  REQUIRE(wide.links.size() == 1);
  CHECK(wide.links[0].why == "block 4 -> block 200");
  s.become(*all, "");
  s.become(*all, " new");  // an actor behind it, too
  SUBCASE("all the time") {
    const auto done = s.finish(*all);
    s.check_whole("mid.0");
    s.check_whole("end.0");
    CHECK(unbalanced(done) == std::vector<std::string>{});
  }
  SUBCASE("and for a while it may") {
    s.become(*all, " latest");
    for (const auto& w : all->hosts["edge"]->status().wires)
      if (w.name == "src.out0 > mid.in0") CHECK(w.how == wire::delivery::latest);
    s.become(*all, " drop");
    s.become(*all, " wide");
    // What was dropped before the last change may be missed after it: a receiver may be behind.
    const auto from = s.packets();
    const auto done = s.finish(*all);
    const auto runs = s.heard.of("mid.0 of 1");
    // From the last change on, to the end, without a hole.
    CHECK(runs.back().first <= from);
    CHECK(runs.back().second == s.packets());
    CHECK(unbalanced(done, {"src.out0 > mid.in0"}) == std::vector<std::string>{});
  }
}

TEST_CASE("what cannot open, or a link that cannot be had: all roll back, links included") {
  crossing_part s;
  auto all = s.start();
  SUBCASE("an actor") {
    const auto out = all->hosts["edge"]->rewire({{"all bad", ""}});
    CHECK(out.state == rewire_state::rolled_back);
    CHECK(out.host == "gpu");
    CHECK(out.code == "rewire.open_failed");
  }
  SUBCASE("a link, on the other host") {
    all->net.refuse_links("gpu");
    const auto out = all->hosts["edge"]->rewire({{"all", ""}});
    CHECK(out.state == rewire_state::rolled_back);
    CHECK(out.host == "gpu");
    CHECK(out.code == "wire.bad_option");
    all->net.refuse_links("");
  }
  REQUIRE(in_time([&] { return s.told.count("rolled_back 1") == 2; }));
  CHECK(s.heard.of("tap.0 of 1").empty());
  // The same links, in earnest: first one of them, under another number.
  s.become(*all, "echo");
  s.become(*all, "all");
  REQUIRE(in_time([&] { return !s.heard.of("tap.0 of 1").empty(); }));
  const auto done = s.finish(*all);
  s.check_whole("end.0");
  CHECK(s.heard.of("tap.0 of 1").size() == 1);
  CHECK(unbalanced(done) == std::vector<std::string>{});
}

TEST_CASE("a host that dies while a link to it is on its way out: the run can end") {
  crossing_part s;
  s.drain_limit_s = 2;  // nobody takes what is on that link any more: it is waited for so long
  auto all = s.start("all");
  s.slow_us = 2000;
  rewire_outcome out;
  std::thread asking([&] { out = all->hosts["edge"]->rewire({{"", ""}}); });
  REQUIRE(in_time([&] { return s.told.count("committed 2") > 0 || out.revision == 2; }));
  all->net.cut("gpu");
  s.slow_us = 0;
  // Its last packets had no receiver any more; the run ends all the same, and the books hold.
  for (auto& [name, r] : all->hosts) r->stop();
  asking.join();
  CHECK(out.state == rewire_state::committed);
  const auto done = all->hosts["edge"]->wait();
  CHECK(done.last.law_holds());
}

TEST_CASE("an actor whose component changes: old and new packets come in order over its links") {
  crossing_part s({.seed = 11, .delay_us = 3000});
  auto all = s.start();
  s.slow_end_us = 10000;  // what its old links hold waits for credit, and the new ones have theirs
  REQUIRE(in_time([&] {
    for (const auto& l : all->hosts["gpu"]->status().links)
      if (l.to == "end.in0 @edge" && l.in_flight >= 3) return true;
    return false;
  }));
  const auto out = s.become(*all, " twin");
  CHECK(out.links.size() == 4);  // both links of mid go, and others of the same names come
  s.slow_end_us = 0;
  const auto done = s.finish(*all);
  CHECK(s.heard_at_end.lines() == numbers(s.numbers_.total()));
  CHECK(s.heard.of("end.0 of 1").size() == 2);  // the numbers of another component's stream
  CHECK(unbalanced(done) == std::vector<std::string>{});
}
