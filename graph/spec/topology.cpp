#include "graph/spec/topology.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace hocket::spec {
namespace {

constexpr auto none = static_cast<std::size_t>(-1);

std::vector<std::vector<std::size_t>> edges_by_source(std::size_t nodes,
                                                      const std::vector<edge>& edges) {
  std::vector<std::vector<std::size_t>> out(nodes);
  for (std::size_t i = 0; i < edges.size(); ++i) out[edges[i].from].push_back(i);
  return out;
}

/// The edges of a shortest walk from `from` to `to`; empty where there is none.
std::vector<std::size_t> shortest_walk(const std::vector<edge>& edges,
                                       const std::vector<std::vector<std::size_t>>& out,
                                       std::size_t from, std::size_t to) {
  std::vector<std::size_t> came_by(out.size(), none);
  std::vector<bool> seen(out.size(), false);
  std::queue<std::size_t> open;
  open.push(from);
  seen[from] = true;
  while (!open.empty() && !seen[to]) {
    const auto node = open.front();
    open.pop();
    for (const auto e : out[node]) {
      if (seen[edges[e].to]) continue;
      seen[edges[e].to] = true;
      came_by[edges[e].to] = e;
      open.push(edges[e].to);
    }
  }
  std::vector<std::size_t> walk;
  for (auto node = to; node != from && came_by[node] != none; node = edges[came_by[node]].from)
    walk.push_back(came_by[node]);
  std::reverse(walk.begin(), walk.end());
  return walk;
}

}  // namespace

std::vector<bool> reachable(std::size_t nodes, const std::vector<edge>& edges,
                            const std::vector<std::size_t>& starts) {
  const auto out = edges_by_source(nodes, edges);
  std::vector<bool> seen(nodes, false);
  std::vector<std::size_t> open;
  for (const auto s : starts) {
    if (!seen[s]) open.push_back(s);
    seen[s] = true;
  }
  while (!open.empty()) {
    const auto node = open.back();
    open.pop_back();
    for (const auto e : out[node]) {
      if (seen[edges[e].to]) continue;
      seen[edges[e].to] = true;
      open.push_back(edges[e].to);
    }
  }
  return seen;
}

std::vector<std::vector<std::size_t>> find_cycles(std::size_t nodes,
                                                  const std::vector<edge>& edges) {
  const auto out = edges_by_source(nodes, edges);
  // Nodes that are left after taking sources and sinks away again and again lie on or between
  // cycles; each found cycle takes its nodes out, so that one mistake is told once.
  std::vector<std::vector<std::size_t>> cycles;
  std::vector<bool> told(nodes, false);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& e = edges[i];
    if (told[e.from] || told[e.to]) continue;
    auto walk = shortest_walk(edges, out, e.to, e.from);
    if (walk.empty() && e.from != e.to) continue;
    walk.insert(walk.begin(), i);
    for (const auto k : walk) told[edges[k].from] = told[edges[k].to] = true;
    cycles.push_back(std::move(walk));
  }
  return cycles;
}

std::vector<std::size_t> downstream_first(std::size_t nodes, const std::vector<edge>& edges) {
  std::vector<std::size_t> waits_for(nodes, 0);
  std::vector<std::vector<std::size_t>> upstream(nodes);
  for (const auto& e : edges) {
    ++waits_for[e.from];
    upstream[e.to].push_back(e.from);
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < nodes; ++i)
    if (waits_for[i] == 0) ready.push(i);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const auto node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const auto up : upstream[node])
      if (--waits_for[up] == 0) ready.push(up);
  }
  return order;
}

}  // namespace hocket::spec
