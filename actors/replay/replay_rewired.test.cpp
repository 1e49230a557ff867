#include <doctest/doctest.h>

#include <algorithm>

#include "actors/start_run.hpp"
#include "actors/rewire/rewire_plans.test.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/replay/comparison.hpp"
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

/// mic > ears > model > end, and in turn: other ears and a second source with its relay; without
/// those again, the model another type; and the first ears and the second source back.
struct changing_run {
  rewire_stage s{true};
  std::shared_ptr<notebook> heard = std::make_shared<notebook>();
  static constexpr int changes = 3;

  changing_run() {
    s.g.add("mic", 0, 1, counter_source(300));
    s.g.source("mic", 10);
    s.g.add("side", 0, 1, counter_source(200));
    s.g.source("side", 15);
    s.add_valued("ears", 1, 1, [](std::int64_t value) { return stamper(value); });
    s.g.add("beside", 1, 1, relay());
    s.g.add("model", 1, 1, counting());
    s.g.add("model2", 1, 1, counting());
    s.g.add("end", 2, 0, listener(heard));
    s.g.link("mic", 0, "ears", 0);
    s.g.link("ears", 0, "model", 0);
    s.g.link("side", 0, "beside", 0);
    s.g.link("beside", 0, "end", 1);
    s.g.link("model", 0, "end", 0);
  }

  /// Says how much it has heard: another one in its place begins anew.
  static plan_maker::maker counting() {
    return [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [n = 0](std::size_t port, const packet& p,
                             emitter& out) mutable -> result<void> {
        out.emit(
            0, p.header.ts,
            word(std::to_string(port) + ":" + p.get_if<text>()->value + "#" + std::to_string(n++)));
        return {};
      };
      return c;
    };
  }

  std::vector<plan> graphs() const {
    const auto whole = cut(s.g.make(), {"model2"});
    auto first = cut(whole, {"side", "beside"}), second = whole, third = first;
    rewire_stage::set_value(second, "ears", 2);
    rewire_stage::set_value(third, "ears", 2);
    for (auto& a : third.actors)
      if (a.name == "model") a.type = s.g.make().actors[5].type;
    std::vector<plan> out{first, second, third, whole};
    for (std::size_t i = 0; i < out.size(); ++i) out[i].hash = std::to_string(i + 1);
    return out;
  }
  static timestamp at(int change) { return timestamp(change * 800'000'000LL); }

  static void follow(start_options& how, const std::vector<plan>& later, int& failed) {
    how.virtual_time = true;
    for (int i = 1; i <= static_cast<int>(later.size()); ++i)
      how.planned_rewires.push_back({std::to_string(i), at(i)});
    how.load = [later](graph_text& t) -> result<plan> {
      return later[static_cast<std::size_t>(std::stoi(t.file)) - 1];
    };
    how.rewired = [&failed](const rewire_request&, const rewire_outcome& o) {
      INFO(o.why);
      CHECK(o.state == rewire_state::committed);
      failed += o.state == rewire_state::committed ? 0 : 1;
    };
  }

  std::shared_ptr<const recording> record(std::vector<std::string> edges = {}) {
    auto all = graphs();
    const auto first = all.front();
    all.erase(all.begin());
    const auto disk = std::make_shared<memory_disk>();
    auto recorder = record::graph_recorder::create(
                        first, s.g.types, {.path = "x", .edges = edges, .virtual_time = true},
                        std::make_unique<memory_sink>(disk))
                        .value();
    start_options how;
    int failed = 0;
    follow(how, all, failed);
    how.observers = {recorder.get()};
    auto run = start_run(first, s.g.types, how);
    REQUIRE(run);
    CHECK((*run)->wait().last.law_holds());
    run->reset();
    REQUIRE(failed == 0);
    CHECK(recorder->finish().complete);
    CHECK(recorder->trouble().empty());
    return recording::open(memory_source(disk->content())).value();
  }

  std::vector<compared_output> replay(std::shared_ptr<const recording> from,
                                      const replay_request& request, std::vector<plan> graphs) {
    std::vector<later_graph> later;
    for (std::size_t i = 0; i < from->revisions().size(); ++i)
      later.push_back({from->revisions()[i].number, from->revisions()[i].from, graphs[i + 1]});
    const auto what = make_replay(graphs[0], from, request, later);
    INFO((what ? "" : what.error().message));
    REQUIRE(what);
    comparison compare(what->graph, from, what->live, what->same_epochs);
    start_options how;
    std::vector<plan> plans;
    for (const auto& l : what->later) plans.push_back(l.graph);
    int failed = 0;
    follow(how, plans, failed);
    how.observers = {&compare};
    auto run = start_run(what->graph, s.g.types, how);
    REQUIRE(run);
    const auto done = (*run)->wait();
    CHECK(done.why == end_reason::finished);
    CHECK(done.last.law_holds());
    run->reset();
    CHECK(failed == 0);
    return compare.results();
  }
};

}  // namespace

TEST_CASE("recording a rewired run: new outputs, and each graph with the micro-turn it began at") {
  changing_run r;
  const auto from = r.record();
  CHECK(from->problems().empty());
  CHECK(from->how_it_ended().complete);
  REQUIRE(from->revisions().size() == changing_run::changes);
  for (int i = 0; i < changing_run::changes; ++i) {
    const auto& n = from->revisions()[static_cast<std::size_t>(i)];
    CHECK(n.number == i + 2);
    CHECK(n.hash == std::to_string(i + 2));
    CHECK(n.from == changing_run::at(i + 1));
    CHECK(n.micro_turn == 4 * (i + 1));
    CHECK((n.graph_yaml.find("beside") != std::string::npos) == (i != 1));
  }
  std::vector<std::string> names;
  for (const auto& o : from->outputs()) {
    INFO(o.name);
    names.push_back(o.name);
    CHECK(o.packets > 0);
    CHECK(o.missing == 0);
  }
  CHECK(names == std::vector<std::string>{"beside.out0", "ears.out0", "mic.out0", "model.out0",
                                          "side.out0"});
  // Who was kept, or replaced by another of its kind, counts on; who went away begins anew.
  CHECK(from->find("mic.out0")->begins.empty());
  CHECK(from->find("ears.out0")->begins.empty());
  CHECK(from->find("model.out0")->begins.size() == 2);
  CHECK(from->find("side.out0")->begins.size() == 1);
  const auto& side = from->find("side.out0")->items;
  CHECK(side.front().at > changing_run::at(1));
  CHECK(side[from->find("side.out0")->begins[0]].seq == 0);
  CHECK(from->find("beside.out0")->about.at("revision") == "2");
}

TEST_CASE("recording a rewired run: only the chosen edges, also of what comes later") {
  changing_run r;
  const auto from = r.record({"mic.*", "end.*"});
  std::vector<std::string> names;
  for (const auto& o : from->outputs()) names.push_back(o.name);
  CHECK(names == std::vector<std::string>{"beside.out0", "mic.out0", "model.out0"});
}

TEST_CASE("replay of a rewired run: rewired where that was, and the same bit for bit") {
  changing_run r;
  const auto from = r.record();
  const auto graphs = r.graphs();
  const std::vector<replay_request> requests = {{}, {.only = {"model"}}, {.play = {"ears"}}};
  const std::vector<std::vector<std::string>> compared = {
      {"ears.out0", "model.out0", "beside.out0"}, {"model.out0"}, {"model.out0", "beside.out0"}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto all = r.replay(from, requests[i], graphs);
    std::vector<std::string> names;
    for (const auto& o : all) {
      INFO((o.name + ": " + o.first_difference));
      names.push_back(o.name);
      CHECK(o.fine());
      CHECK(o.recorded > 0);
      CHECK(o.replayed == o.recorded);
    }
    CHECK(names == compared[i]);
  }
}

TEST_CASE("replay of a rewired run: another graph in one revision is found there") {
  changing_run r;
  const auto from = r.record();
  auto graphs = r.graphs();
  rewire_stage::set_value(graphs[1], "ears", 7);
  const auto all = r.replay(from, {.only = {"ears"}}, graphs);
  REQUIRE(all.size() == 1);
  CHECK(!all[0].fine());
  CHECK(all[0].first_difference.find("session 1 packet 80 ") == 0);
  const auto wrong =
      make_replay(graphs[0], from, {.only = {"besides"}}, {{2, changing_run::at(1), graphs[1]}});
  REQUIRE(!wrong);
  CHECK(wrong.error().message.find("did you mean `beside`?") != std::string::npos);
}
