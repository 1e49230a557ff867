#include "actors/host/run/status_collector.hpp"

#include <algorithm>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {
namespace {

// What a rewire took out and put back, or replaced, under the same name is one row: its counters go
// on. What is gone for good keeps its row.
void fold_removed(const plan& graph, snapshot& s) {
  for (std::size_t l = 0; l < s.links.size() && l < graph.links.size(); ++l) {
    if (!graph.links[l].removed) continue;
    auto& gone = s.links[l];
    for (std::size_t k = 0; k < s.links.size(); ++k) {
      auto& here = s.links[k];
      if (k == l || here.from.empty() || here.from != gone.from || here.to != gone.to) continue;
      here.sent += gone.sent;
      here.delivered += gone.delivered;
      for (int i = 0; i < drop_reason_count; ++i) here.dropped[i] += gone.dropped[i];
      here.in_flight += gone.in_flight;
      here.blocked_ns += gone.blocked_ns;
      gone.from.clear();
      break;
    }
  }
  std::erase_if(s.links, [](const auto& l) { return l.from.empty(); });
  for (std::size_t a = 0; a < s.actors.size() && a < graph.actors.size(); ++a) {
    if (!graph.actors[a].removed) continue;
    for (std::size_t b = 0; b < s.actors.size(); ++b) {
      if (b == a || s.actors[b].name != s.actors[a].name) continue;
      add_totals(s.actors[b], s.actors[a]);
      s.actors[a].name.clear();
      break;
    }
  }
  std::erase_if(s.actors, [](const auto& a) { return a.name.empty(); });
}

// A row for each link and actor of the plan.
void add_rows(const plan& graph, snapshot& s) {
  for (const auto& l : graph.links) {
    link_account a;
    const auto& from = graph.actors[l.from];
    const auto& to = graph.actors[l.to];
    a.from = from.name + "." + from.type->info.outputs[l.from_port].name;
    a.to = to.name + "." + to.type->info.inputs[l.to_port].name;
    a.queue_size = l.queue.size;
    a.full = l.queue.full;
    a.back_edge = l.back_edge;
    s.links.push_back(std::move(a));
  }
  for (const auto& a : graph.actors) {
    actor_status one;
    one.name = a.name;
    one.component = a.type->info.type;
    one.restart_max = a.restart.max;
    one.restart_within_s = a.restart.within_s;
    if (a.removed) one.state = actor_state::stopped;
    s.actors.push_back(std::move(one));
  }
}

}  // namespace

snapshot status_collector::collect() {
  std::lock_guard only_one(mutex_);
  snapshot s;
  s.host = run_.local().host;
  std::vector<histogram::counts> times;
  std::vector<std::int64_t> busy_ns;
  const plan* graph = nullptr;
  {
    // In this order: nothing changes queues, and no rewire comes in between.
    const auto still = run_.accounts.freeze();
    const topology_view all(run_.topology);
    graph = &run_.graph();
    s.now = run_.now();
    add_rows(*graph, s);
    times.resize(s.actors.size());
    busy_ns.resize(s.actors.size(), 0);
    s.sessions = all.sessions().size();
    for (const auto& c : all.cells())
      c->add_status(s.actors[c->id().actor], times[c->id().actor], busy_ns[c->id().actor], s.links);
    run_.accounts.add_to(s.links);
    run_.accounts.add_to(s.actors, times, busy_ns);
  }
  add_rates(s, times, busy_ns);
  s.budgets = run_.current().budgets.status();
  if (run_.peers) run_.peers->add_status(s);
  fold_removed(*graph, s);
  return s;
}

// Quantiles, and shares of the wall time since the last snapshot.
void status_collector::add_rates(snapshot& s, const std::vector<histogram::counts>& times,
                                 const std::vector<std::int64_t>& busy_ns) {
  const auto now_ns = monotonic_ns();
  const auto wall = last_ns_ == 0 ? 0 : now_ns - last_ns_;
  last_ns_ = now_ns;
  for (std::size_t a = 0; a < s.actors.size(); ++a) {
    auto& row = s.actors[a];
    row.handler_p50_ms = histogram::quantile_ms(times[a], .5);
    row.handler_p99_ms = histogram::quantile_ms(times[a], .99);
    row.handlers = histogram::buckets_of(times[a], static_cast<double>(busy_ns[a]) / 1e9);
    auto& last = last_busy_ns_[static_cast<actor_index>(a)];
    if (wall > 0)
      row.busy_ratio =
          std::max(0., static_cast<double>(busy_ns[a] - last) / static_cast<double>(wall));
    last = busy_ns[a];
  }
}

}  // namespace hocket::host
