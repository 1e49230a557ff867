#include <algorithm>
#include <numeric>

#include "actors/host/plan_revision.hpp"
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

void layout::rank_actors(const host_plan& local) {
  const auto order = sort_upstream_first(local.whole);
  rank.resize(local.graph.actors.size());
  for (std::size_t a = 0; a < rank.size(); ++a) rank[a] = rank.size();  // those that are gone: last
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  for (const auto& c : local.host_links) {
    const auto& link = local.whole.links[c.link];
    rank[c.proxy] = rank[c.outgoing ? link.to : link.from];
  }
  for (std::size_t a = 0; a < local.roles.size(); ++a)
    if (local.roles[a] != actor_role::absent) upstream_first.push_back(static_cast<actor_index>(a));
  std::stable_sort(upstream_first.begin(), upstream_first.end(),
                   [&](actor_index a, actor_index b) { return rank[a] < rank[b]; });
}

layout::layout(const host_plan& local) {
  const auto& graph = local.whole;
  const auto mine = local.graph.actors.size();
  out_links.resize(mine);
  in_links.resize(mine);
  time_step = graph.grid.length;
  for (std::size_t a = 0; a < mine; ++a) {
    const auto& info = local.graph.actors[a].type->info;
    out_links[a].resize(info.outputs.size());
    if (!info.source) continue;
    const auto period = duration(std::chrono::milliseconds(std::max(info.period_ms, 1)));
    time_step = duration(std::gcd(time_step.count(), period.count()));
  }
  for (std::size_t l = 0; l < graph.links.size(); ++l) {
    if (!local.realised(l)) continue;
    const auto& link = local.graph.links[l];
    out_links[link.from][link.from_port].push_back(l);
    in_links[link.to].push_back(l);
  }
  rank_actors(local);
  find_responders(graph, find_downstream(graph, mine));
}

// Returns, by actor, the actors downstream of it.
std::vector<std::vector<bool>> layout::find_downstream(const plan& graph, std::size_t mine) {
  const auto n = graph.actors.size();
  const auto whole_order = sort_upstream_first(graph);
  downstream.assign(mine, std::vector<bool>(graph.links.size(), false));
  std::vector<std::vector<bool>> reaches(n, std::vector<bool>(n, false));
  for (auto it = whole_order.rbegin(); it != whole_order.rend(); ++it) {
    for (std::size_t l = 0; l < graph.links.size(); ++l) {
      const auto& link = graph.links[l];
      if (link.from != *it || !is_forward(link)) continue;
      downstream[*it][l] = true;
      reaches[*it][link.to] = true;
      for (std::size_t other = 0; other < graph.links.size(); ++other)
        if (downstream[link.to][other]) downstream[*it][other] = true;
      for (std::size_t a = 0; a < n; ++a)
        if (reaches[link.to][a]) reaches[*it][a] = true;
    }
  }
  return reaches;
}

void layout::find_responders(const plan& graph, const std::vector<std::vector<bool>>& reaches) {
  const auto n = graph.actors.size();
  // Candidates in this order: actors of micro-turns with outputs; actors with a back edge in
  // front; the sources. Of those, the last ones: none upstream of another candidate.
  const auto speaks = [&](std::size_t a) {
    return std::any_of(graph.links.begin(), graph.links.end(),
                       [&](const plan_link& l) { return l.from == a && !l.removed; });
  };
  const auto pick = [&](auto is_candidate) {
    for (std::size_t a = 0; a < n; ++a) {
      if (graph.actors[a].removed || !is_candidate(a)) continue;
      bool last = true;
      for (std::size_t b = 0; b < n; ++b) last = last && !(reaches[a][b] && is_candidate(b));
      if (last) responders.push_back(static_cast<actor_index>(a));
    }
    return !responders.empty();
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

queue_setup setup_of(const plan_revision& by, std::size_t l, session_id id,
                     const std::shared_ptr<actor_cell>& sender) {
  const auto& link = by.graph.links[l];
  const auto& whole = by.local.whole.links[l];
  queue_setup q;
  q.link = l;
  q.port = link.to_port;
  q.spec = link.queue;
  q.back_edge = link.back_edge;
  q.lets_sender_go = whole.back_edge;
  q.policy = by.local.whole.actors[whole.to].policy;
  q.session = id;
  q.grid = by.graph.grid;
  q.sender = sender;
  return q;
}

}  // namespace hocket::host
