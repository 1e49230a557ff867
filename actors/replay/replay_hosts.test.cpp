// Recordings that the hosts of one run made, each of what its own actors emitted, and their replays.
#include <doctest/doctest.h>

#include <algorithm>

#include "actors/start_run.hpp"
#include "actors/rewire/rewire_plans.test.hpp"
#include "actors/distributed/hosts.test.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/replay/replay_plan.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;
using namespace hocket::replay;
using record::memory_source;
using record::recording;

namespace {

/// src @edge > mid @gpu > end @edge, and after the rewire to "tap": src @edge > tap @gpu, a link
/// between the hosts that comes with an actor. Each host records as in virtual time: what its own
/// actors emit. (In real time also what arrives from others: the last case here.)
struct recorded_hosts {
  rewire_stage stage{false};
  std::map<std::string, std::shared_ptr<const recording>> tapes;
  std::atomic<int> tapped{0}, at_end{0};
  static constexpr int packets = 600;

  recorded_hosts() {
    stage.g.add("src", 0, 1, counter_source(packets));
    stage.g.source("src", 5);
    stage.g.add("mid", 1, 1, relay());
    stage.g.add("end", 1, 0, counting(at_end, 0));
    stage.g.add("tap", 1, 1, counting(tapped, 1));
    stage.g.link("src", 0, "mid", 0);
    stage.g.link("mid", 0, "end", 0);
    stage.g.link("src", 0, "tap", 0);
  }

  plan graph(const std::string& name) const {
    auto p = placed(stage.g, {{"src", "edge"}, {"mid", "gpu"}, {"end", "edge"}, {"tap", "gpu"}});
    if (name != "tap") p = cut(p, {"tap"});
    p.hash = "hash of " + name;
    return p;
  }
  std::vector<later_graph> later() const {
    std::vector<later_graph> out;
    for (const auto& r : tapes.at("edge")->revisions())
      out.push_back({r.number, r.from, graph(r.hash == "hash of tap" ? "tap" : "first")});
    return out;
  }

  /// What a host would record that runs nothing yet.
  std::shared_ptr<const recording> blank(const std::string& graph_name, const std::string& host,
                                         std::vector<std::string> edges,
                                         bool virtual_time = true) const {
    const auto disk = std::make_shared<memory_disk>();
    auto recorder =
        record::graph_recorder::create(
            graph(graph_name), stage.g.types,
            {.path = "x", .edges = std::move(edges), .virtual_time = virtual_time, .host = host},
            std::make_unique<memory_sink>(disk))
            .value();
    CHECK(recorder->finish().complete);
    return recording::open(memory_source(disk->content())).value();
  }

  static plan_maker::maker counting(std::atomic<int>& heard, std::size_t outs) {
    return [&heard, outs] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [&heard, outs](std::size_t, const packet& p, emitter& out) -> result<void> {
        ++heard;
        for (std::size_t i = 0; i < outs; ++i) out.emit(i, p.header.ts, word("heard"));
        return {};
      };
      return c;
    };
  }

  void run() {
    fake_network net({.seed = 5, .delay_us = 1000});
    const auto first = graph("first");
    std::map<std::string, std::shared_ptr<memory_disk>> disks;
    std::map<std::string, std::unique_ptr<record::graph_recorder>> recorders;
    std::map<std::string, std::unique_ptr<runtime>> hosts;
    for (const std::string name : {"edge", "gpu"}) {
      disks[name] = std::make_shared<memory_disk>();
      recorders[name] = record::graph_recorder::create(
                            first, stage.g.types, {.path = "x", .virtual_time = true, .host = name},
                            std::make_unique<memory_sink>(disks[name]))
                            .value();
      start_options o;
      o.host.name = name;
      o.host.open = net.opener();
      o.observers = {recorders[name].get()};
      o.load = [this](graph_text& t) -> result<plan> { return graph(t.file); };
      auto r = start_run(first, stage.g.types, o);
      REQUIRE(r);
      hosts[name] = std::move(*r);
    }
    REQUIRE(eventually([&] { return at_end > 5; }));
    const auto out = hosts["gpu"]->rewire({{"tap", ""}});
    INFO(out.why);
    REQUIRE(out.state == rewire_state::committed);
    for (auto& [name, r] : hosts) CHECK(r->wait().last.law_holds());
    hosts.clear();
    for (auto& [name, r] : recorders) {
      CHECK(r->finish().complete);
      CHECK(r->trouble().empty());
      tapes[name] = recording::open(memory_source(disks[name]->content())).value();
    }
  }
};

std::vector<std::string> names_of(const recording& tape) {
  std::vector<std::string> out;
  for (const auto& o : tape.outputs()) out.push_back(o.name);
  return out;
}

void check_whole(recorded_hosts& r) {
  CHECK(r.at_end.load() == recorded_hosts::packets);
  for (const auto& [host, tape] : r.tapes) {
    CAPTURE(host);
    CHECK(tape->how_it_ended().complete);
    CHECK(tape->problems().empty());
    CHECK(tape->fact("host") == host);
    CHECK(tape->fact("graph_hash") == "hash of first");
    REQUIRE(tape->revisions().size() == 1);
    const auto& n = tape->revisions()[0];
    CHECK(n.number == 2);
    CHECK(n.hash == "hash of tap");
    CHECK(n.graph_yaml.find("tap") != std::string::npos);
    // One boundary for both.
    CHECK(n.from == r.tapes["edge"]->revisions()[0].from);
    for (const auto& o : tape->outputs()) {
      CAPTURE(o.name);
      CHECK(o.missing == 0);
    }
  }
  // What its own actors emitted, and nothing in the name of others.
  CHECK(names_of(*r.tapes["edge"]) == std::vector<std::string>{"src.out0"});
  CHECK(names_of(*r.tapes["gpu"]) == std::vector<std::string>{"mid.out0", "tap.out0"});
  CHECK(r.tapes["edge"]->find("src.out0")->packets == recorded_hosts::packets);
  CHECK(r.tapes["gpu"]->find("mid.out0")->packets == recorded_hosts::packets);
  CHECK(r.tapes["gpu"]->find("tap.out0")->about.at("revision") == "2");
}

// The others run again, and are rewired as they were.
void check_replay_of_source(recorded_hosts& r) {
  r.tapped = 0;
  r.at_end = 0;
  const auto later = r.later();
  REQUIRE(later.size() == 1);
  const auto what = make_replay(r.graph("first"), r.tapes["edge"], {}, later);
  INFO((what ? "" : what.error().message));
  REQUIRE(what);
  CHECK(what->played == std::vector<std::string>{"src"});
  CHECK(what->live == std::vector<std::string>{"mid", "end", "tap"});
  CHECK(std::ranges::any_of(what->warnings,
                            [](const auto& w) { return w.starts_with("host edge recorded it"); }));
  start_options how{{.virtual_time = true}, {}};
  how.planned_rewires = {{"2", what->later[0].from}};
  how.load = [&](graph_text&) -> result<plan> { return what->later[0].graph; };
  int committed = 0;
  how.rewired = [&](const rewire_request&, const rewire_outcome& o) {
    INFO(o.why);
    CHECK(o.state == rewire_state::committed);
    CHECK(o.at == later[0].from);
    ++committed;
  };
  auto again = start_run(what->graph, r.stage.g.types, how);
  REQUIRE(again);
  const auto done = (*again)->wait();
  CHECK(done.why == end_reason::finished);
  CHECK(done.last.law_holds());
  again->reset();
  CHECK(committed == 1);
  CHECK(r.at_end.load() == recorded_hosts::packets);
  const auto& src = r.tapes["edge"]->find("src.out0")->items;
  CHECK(r.tapped.load() > 0);
  CHECK(r.tapped.load() == std::ranges::count_if(src, [&](const auto& i) {
          return !i.is_mark && i.at > later[0].from;
        }));
}

// It says whose recording it takes, and what can be done without.
void check_replay_without_source(recorded_hosts& r) {
  const auto first = r.graph("first");
  const auto& gpu = r.tapes["gpu"];
  const auto refused = make_replay(first, gpu, {}, r.later());
  REQUIRE(!refused);
  CHECK(refused.error().code == "replay.other_host");
  const auto all = find_lacking(first, *gpu, "gpu.mcap", {}, r.later());
  REQUIRE(all.items().size() == 1);
  const auto& d = all.items()[0];
  CHECK(d.where.file == "gpu.mcap");
  CHECK(d.message ==
        "host gpu made this recording, and what host edge emitted is not in it: src.out0 (feeds "
        "mid, tap)");
  CHECK(d.hint.find("replay the recording that host edge made") == 0);
  REQUIRE(d.notes.size() == 2);
  CHECK(d.notes[0] == "this recording feeds end: `--only end`");
  CHECK(d.notes[1].find("--replace src=COMPONENT") != std::string::npos);

  // Each way out that it names is one.
  CHECK(make_replay(first, r.tapes["edge"], {}, r.later()));
  const auto part = make_replay(first, gpu, {.only = {"end"}}, r.later());
  REQUIRE(part);
  CHECK(part->played == std::vector<std::string>{"mid"});
  const auto other = make_replay(first, gpu, {.replaced = {"src"}}, r.later());
  REQUIRE(other);
  CHECK(std::ranges::count(other->live, "src") == 1);
  CHECK(find_lacking(first, *gpu, "", {.replaced = {"src"}}, r.later()).items().empty());
}

}  // namespace

TEST_CASE("several hosts record a run that a rewire joins anew: the files, and their replays") {
  recorded_hosts r;
  r.run();
  check_whole(r);
  check_replay_of_source(r);
  check_replay_without_source(r);
}

TEST_CASE("replay: played outputs of two hosts are in no one's recording") {
  const recorded_hosts r;
  const auto tape = r.blank("tap", "edge", {"mid.out*"});
  CHECK(names_of(*tape).empty());
  // `end` hears mid of gpu, `tap` hears src of edge: both are played.
  const auto found = find_lacking(r.graph("tap"), *tape, "", {.only = {"end", "tap"}});
  const auto& all = found.items();
  REQUIRE(all.size() == 2);
  // Its own output was not among the edges that it recorded; the other's is the other's.
  CHECK(all[0].code == "replay.other_host");
  CHECK(all[0].hint.find("comes from hosts edge, gpu, and a replay takes one") !=
        std::string::npos);
  CHECK(all[1].code == "replay.not_recorded");
  CHECK(all[1].message.find("src.out0 feeds tap") == 0);
}

TEST_CASE("replay: in real time a host's recording also has room for what arrives from others") {
  const recorded_hosts r;
  CHECK(names_of(*r.blank("tap", "edge", {}, false)) ==
        std::vector<std::string>{"mid.out0", "src.out0"});
  CHECK(names_of(*r.blank("tap", "gpu", {}, false)) ==
        std::vector<std::string>{"mid.out0", "src.out0", "tap.out0"});
}
