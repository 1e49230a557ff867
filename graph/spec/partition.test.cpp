#include "graph/spec/partition.hpp"

#include <doctest/doctest.h>

#include <map>

#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

/// mic -> ears -> model -> speaker, and mind behind model and in front of it.
plan talk() {
  static plan_maker g;
  if (g.types.component_names().empty() && g.make().actors.empty()) {
    for (const auto& [name, ins, outs] :
         {std::tuple("mic", 0, 1), std::tuple("ears", 1, 1), std::tuple("model", 2, 2),
          std::tuple("mind", 1, 1), std::tuple("speaker", 1, 0)})
      g.add(name, ins, outs, relay());
    g.source("mic");
    g.info("model").scope = instance_scope::shared;
    g.link("mic", 0, "ears", 0);
    g.link("ears", 0, "model", 0);
    g.link("model", 0, "speaker", 0);
    g.link("model", 1, "mind", 0, {}, true);
    g.link("mind", 0, "model", 1);
  }
  auto p = g.make();
  p.hosts = {{"edge", "tcp://127.0.0.1:1", "", false},
             {"gpu", "tcp://127.0.0.1:2", "", false},
             {"desk", "tcp://127.0.0.1:3", "", false},
             {"idle", "tcp://127.0.0.1:4", "", false}};
  for (auto& a : p.actors) a.host = a.name == "model" ? "gpu" : a.name == "mind" ? "desk" : "edge";
  return p;
}

}  // namespace

TEST_CASE("partition: without hosts there is one part, and it is the plan") {
  auto p = talk();
  p.hosts.clear();
  for (auto& a : p.actors) a.host.clear();
  const auto out = partition(p, "");
  REQUIRE(out);
  CHECK(out->alone());
  CHECK(out->leads());
  CHECK(out->graph.actors.size() == p.actors.size());
  CHECK(out->host_links.empty());
  for (std::size_t l = 0; l < p.links.size(); ++l) CHECK(out->realised(l));
  CHECK(partition(p, "edge").error().code == "placement.no_hosts");
}

TEST_CASE("partition: a wrong name is refused with what would be right") {
  CHECK(partition(talk(), "").error().code == "placement.no_host");
  CHECK(partition(talk(), "idle").error().code == "placement.idle_host");
  const auto why = partition(talk(), "egde").error();
  CHECK(why.code == "placement.unknown_host");
  CHECK(why.message.find("did you mean `edge`?") != std::string::npos);
  CHECK(why.message.find("edge, gpu, desk, idle") != std::string::npos);
}

TEST_CASE("partition: links that cross get a proxy at each end, with the same number") {
  const auto p = talk();
  const auto edge = *partition(p, "edge"), gpu = *partition(p, "gpu"), desk = *partition(p, "desk");
  CHECK(edge.peers == std::vector<std::string>{"gpu", "desk"});
  CHECK(edge.leader == "edge");
  CHECK(edge.leads());
  CHECK(!gpu.leads());
  REQUIRE(edge.host_links.size() == 2);
  CHECK(edge.host_links[0].name == "ears.out0 > model.in0");
  CHECK(edge.host_links[0].outgoing);
  CHECK(edge.host_links[0].peer == "gpu");
  CHECK(edge.host_links[1].link == 2);
  CHECK(!edge.host_links[1].outgoing);
  REQUIRE(gpu.host_links.size() == 4);
  REQUIRE(desk.host_links.size() == 2);
  // Every crossing link has its sender's half on one host and its receiver's half on another.
  std::vector<int> halves(p.links.size(), 0);
  std::map<std::size_t, std::uint32_t> wire_ids;
  for (const auto* part : {&edge, &gpu, &desk}) {
    // A number for each link between any two hosts: the same on all of them.
    CHECK(part->graph.actors.size() == p.actors.size() + 4);
    CHECK(part->graph.links.size() == p.links.size());
    for (const auto& c : part->host_links) {
      halves[c.link] += c.outgoing ? 1 : 10;
      CHECK(c.wire_id != 0);
      CHECK(wire_ids.emplace(c.link, c.wire_id).first->second == c.wire_id);
      const auto& l = part->graph.links[c.link];
      CHECK((c.outgoing ? l.to : l.from) == c.proxy);
      CHECK((c.outgoing ? l.from : l.to) ==
            (c.outgoing ? p.links[c.link].from : p.links[c.link].to));
      CHECK(part->realised(c.link));
    }
    for (std::size_t a = 0; a < p.actors.size(); ++a)
      CHECK(part->graph.actors[a].name == p.actors[a].name);
  }
  CHECK(halves == std::vector<int>{0, 11, 11, 11, 11});
  CHECK(edge.realised(0));
  CHECK(!gpu.realised(0));
  CHECK(!desk.realised(0));
}

TEST_CASE("partition: a proxy has the scope of whom it stands for; a back edge is one at its end") {
  const auto p = talk();
  const auto edge = *partition(p, "edge"), gpu = *partition(p, "gpu"), desk = *partition(p, "desk");
  const auto scope = [](const host_plan& in, std::size_t i) {
    return in.graph.actors[in.host_links[i].proxy].type->info.scope;
  };
  CHECK(scope(edge, 0) == instance_scope::shared);  // to model
  CHECK(scope(edge, 1) == instance_scope::shared);  // from model
  CHECK(scope(gpu, 0) == instance_scope::session);  // from ears
  CHECK(scope(gpu, 1) == instance_scope::session);  // to speaker
  CHECK(!gpu.graph.links[3].back_edge);
  CHECK(desk.graph.links[3].back_edge);
  CHECK(gpu.whole.links[3].back_edge);
}
