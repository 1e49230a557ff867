#include <algorithm>
#include <numeric>

#include "actors/host/world.hpp"

namespace hocket::host {
namespace {

std::vector<actor_index> sort_upstream_first(const plan& graph) {
  const auto n = graph.actors.size();
  std::vector<std::size_t> waits(n, 0);
  for (const auto& l : graph.links)
    if (!l.back_edge) ++waits[l.to];
  std::vector<actor_index> order;
  std::vector<bool> placed(n, false);
  while (order.size() < n) {
    bool moved = false;
    for (std::size_t a = 0; a < n; ++a) {
      if (placed[a] || waits[a] > 0) continue;
      placed[a] = moved = true;
      order.push_back(static_cast<actor_index>(a));
      for (const auto& l : graph.links)
        if (!l.back_edge && l.from == a) --waits[l.to];
      break;  // lowest index first: the order of the file where the graph leaves it open
    }
    HOCKET_ASSERT(moved && "an undeclared cycle passed validation");
  }
  return order;
}

}  // namespace

layout::layout(const plan& graph) {
  const auto n = graph.actors.size();
  out_links.resize(n);
  in_links.resize(n);
  step = graph.grid.length;
  for (std::size_t a = 0; a < n; ++a) {
    const auto& info = graph.actors[a].type->info;
    out_links[a].resize(info.outputs.size());
    if (!info.source) continue;
    const auto period = duration(std::chrono::milliseconds(std::max(info.period_ms, 1)));
    step = duration(std::gcd(step.count(), period.count()));
  }
  for (std::size_t l = 0; l < graph.links.size(); ++l) {
    out_links[graph.links[l].from][graph.links[l].from_port].push_back(l);
    in_links[graph.links[l].to].push_back(l);
  }
  upstream_first = sort_upstream_first(graph);

  behind.assign(n, std::vector<bool>(graph.links.size(), false));
  std::vector<std::vector<bool>> reaches(n, std::vector<bool>(n, false));
  for (auto it = upstream_first.rbegin(); it != upstream_first.rend(); ++it) {
    for (std::size_t l = 0; l < graph.links.size(); ++l) {
      const auto& link = graph.links[l];
      if (link.from != *it || link.back_edge) continue;
      behind[*it][l] = true;
      reaches[*it][link.to] = true;
      for (std::size_t other = 0; other < graph.links.size(); ++other)
        if (behind[link.to][other]) behind[*it][other] = true;
      for (std::size_t a = 0; a < n; ++a)
        if (reaches[link.to][a]) reaches[*it][a] = true;
    }
  }

  // Candidates in order of trust: who takes turns by the micro-turn and says something; who hears
  // an echo; the sources. Of those, the last ones: nobody upstream of another candidate.
  const auto speaks = [&](std::size_t a) {
    return std::any_of(out_links[a].begin(), out_links[a].end(),
                       [](const auto& links) { return !links.empty(); });
  };
  const auto pick = [&](auto is_candidate) {
    for (std::size_t a = 0; a < n; ++a) {
      if (!is_candidate(a)) continue;
      bool last = true;
      for (std::size_t b = 0; b < n; ++b) last = last && !(reaches[a][b] && is_candidate(b));
      if (last) turn_takers.push_back(static_cast<actor_index>(a));
    }
    return !turn_takers.empty();
  };
  (void)(pick([&](std::size_t a) {
           return graph.actors[a].policy == input_policy::micro_turn && speaks(a);
         }) ||
         pick([&](std::size_t a) {
           return std::any_of(in_links[a].begin(), in_links[a].end(),
                              [&](std::size_t l) { return graph.links[l].back_edge; });
         }) ||
         pick([&](std::size_t a) { return graph.actors[a].type->info.source; }));
}

}  // namespace hocket::host
