#include <algorithm>
#include <numeric>

#include "actors/host/wiring.hpp"
#include "graph/core/assert.hpp"

namespace hocket::host {
namespace {

bool is_forward(const plan_link& l) { return !l.back_edge && !l.removed; }

std::vector<actor_index> sort_upstream_first(const plan& graph) {
  const auto n = graph.actors.size();
  std::vector<std::size_t> waits(n, 0);
  for (const auto& l : graph.links)
    if (is_forward(l)) ++waits[l.to];
  auto file_order = graph.file_order;
  if (file_order.empty())
    for (std::size_t a = 0; a < n; ++a) file_order.push_back(static_cast<actor_index>(a));
  std::vector<actor_index> order;
  std::vector<bool> placed(n, false);
  while (order.size() < file_order.size()) {
    bool moved = false;
    for (const auto a : file_order) {
      if (placed[a] || waits[a] > 0) continue;
      placed[a] = moved = true;
      order.push_back(a);
      for (const auto& l : graph.links)
        if (is_forward(l) && l.from == a) --waits[l.to];
      break;  // the order of the file where the graph leaves it open
    }
    HOCKET_ASSERT(moved && "an undeclared cycle passed validation");
  }
  return order;
}

}  // namespace

void layout::rank_actors(const part& place) {
  const auto order = sort_upstream_first(place.whole);
  rank.resize(place.graph.actors.size());
  for (std::size_t a = 0; a < rank.size(); ++a) rank[a] = rank.size();  // those that are gone: last
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  for (const auto& c : place.crossings) {
    const auto& link = place.whole.links[c.link];
    rank[c.proxy] = rank[c.outgoing ? link.to : link.from];
  }
  for (std::size_t a = 0; a < place.standings.size(); ++a)
    if (place.standings[a] != standing::elsewhere)
      upstream_first.push_back(static_cast<actor_index>(a));
  std::stable_sort(upstream_first.begin(), upstream_first.end(),
                   [&](actor_index a, actor_index b) { return rank[a] < rank[b]; });
}

layout::layout(const part& place) {
  const auto& graph = place.whole;
  const auto n = graph.actors.size();
  const auto mine = place.graph.actors.size();
  out_links.resize(mine);
  in_links.resize(mine);
  step = graph.grid.length;
  for (std::size_t a = 0; a < mine; ++a) {
    const auto& info = place.graph.actors[a].type->info;
    out_links[a].resize(info.outputs.size());
    if (!info.source) continue;
    const auto period = duration(std::chrono::milliseconds(std::max(info.period_ms, 1)));
    step = duration(std::gcd(step.count(), period.count()));
  }
  for (std::size_t l = 0; l < graph.links.size(); ++l) {
    if (!place.realised(l)) continue;
    const auto& link = place.graph.links[l];
    out_links[link.from][link.from_port].push_back(l);
    in_links[link.to].push_back(l);
  }
  rank_actors(place);
  const auto whole_order = sort_upstream_first(graph);

  behind.assign(mine, std::vector<bool>(graph.links.size(), false));
  std::vector<std::vector<bool>> reaches(n, std::vector<bool>(n, false));
  for (auto it = whole_order.rbegin(); it != whole_order.rend(); ++it) {
    for (std::size_t l = 0; l < graph.links.size(); ++l) {
      const auto& link = graph.links[l];
      if (link.from != *it || !is_forward(link)) continue;
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
    return std::any_of(graph.links.begin(), graph.links.end(),
                       [&](const plan_link& l) { return l.from == a && !l.removed; });
  };
  const auto pick = [&](auto is_candidate) {
    for (std::size_t a = 0; a < n; ++a) {
      if (graph.actors[a].removed || !is_candidate(a)) continue;
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
           return std::any_of(graph.links.begin(), graph.links.end(), [&](const plan_link& l) {
             return l.to == a && l.back_edge && !l.removed;
           });
         }) ||
         pick([&](std::size_t a) { return graph.actors[a].type->info.source; }));
}

}  // namespace hocket::host
