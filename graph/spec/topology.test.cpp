#include "graph/spec/topology.hpp"

#include <doctest/doctest.h>
#include <random>

namespace hocket::spec {
namespace {
using indices = std::vector<std::size_t>;
}

TEST_CASE("find_cycles: one per knot, in walking order") {
  CHECK(find_cycles(3, {{0, 1}, {1, 2}, {0, 2}}).empty());
  CHECK(find_cycles(1, {{0, 0}}) == std::vector<indices>{{0}});
  CHECK(find_cycles(3, {{0, 1}, {1, 2}, {2, 1}}) == std::vector<indices>{{1, 2}});
  CHECK(find_cycles(5, {{0, 1}, {1, 0}, {1, 2}, {2, 3}, {3, 4}, {4, 2}}).size() == 2);
}

TEST_CASE("downstream_first: every node after all that it feeds") {
  CHECK(downstream_first(4, {{0, 1}, {1, 2}, {0, 3}}) == indices{2, 1, 3, 0});
  CHECK(downstream_first(2, {{0, 1}, {0, 1}}) == indices{1, 0});
  CHECK(downstream_first(0, {}).empty());
}

TEST_CASE("random graphs: cycles are found exactly where ordering fails") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t nodes = 1 + random() % 8;
    std::vector<edge> edges(random() % 12);
    for (auto& e : edges) e = {random() % nodes, random() % nodes};
    const auto cycles = find_cycles(nodes, edges);
    const auto order = downstream_first(nodes, edges);
    REQUIRE(cycles.empty() == (order.size() == nodes));
    for (const auto& cycle : cycles)
      for (std::size_t i = 0; i < cycle.size(); ++i)
        REQUIRE(edges[cycle[i]].to == edges[cycle[(i + 1) % cycle.size()]].from);
    if (!cycles.empty()) continue;
    std::vector<std::size_t> place(nodes);
    for (std::size_t i = 0; i < nodes; ++i) place[order[i]] = i;
    for (const auto& e : edges) REQUIRE(place[e.to] < place[e.from]);
  }
}

}  // namespace hocket::spec
