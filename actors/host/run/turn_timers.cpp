#include "actors/host/run/turn_timers.hpp"

#include <algorithm>
#include <chrono>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {

void turn_timers::start_cell(const std::shared_ptr<actor_cell>& c) {
  c->begin_at(run_.now());
  if (c->id().is_source() && (run_.is_virtual() || !c->id().info.blocking))
    follow_source(c, c->next_until());
}

void turn_timers::follow_source(const std::weak_ptr<actor_cell>& weak, timestamp until) {
  run_.at(until, 0, [this, weak, until] {
    auto c = weak.lock();
    if (!c || c->source_done()) return;
    c->source_due(until);
    follow_source(weak, pacing::until_after(until, c->id().info, run_.graph().grid));
  });
}

void turn_timers::schedule_boundary(std::int64_t k) {
  if (has_boundaries_) return;
  const auto& graph = run_.graph();
  const auto& all = run_.layout().upstream_first;
  const bool any = std::any_of(all.begin(), all.end(), [&](actor_index a) {
    return graph.actors[a].type->info.ticks || graph.actors[a].policy == input_policy::micro_turn;
  });
  if (!any) return;
  has_boundaries_ = true;
  run_.at(
      graph.grid.end_of(k), 1, [this, k] { boundary(k); }, true);
}

void turn_timers::boundary(std::int64_t k) {
  for (const auto& c : run_.topology.cells())
    if (c->id().info.ticks) c->tick_due(k);
  notify_deadlines(k);
  has_boundaries_ = false;
  if (!run_.end.finished()) schedule_boundary(k + 1);
}

// In virtual time upstream actors get their micro-turn first, and what they say is in that of
// those behind them. In real time inputs get a little grace to arrive.
void turn_timers::notify_deadlines(std::int64_t k) {
  const auto tell = [this, k](actor_index a) {
    for (const auto& c : run_.topology.cells())
      if (c->id().actor == a) c->deadline(k);
  };
  const auto end = run_.graph().grid.end_of(k);
  for (const auto a : run_.layout().upstream_first) {
    if (run_.graph().actors[a].policy != input_policy::micro_turn) continue;
    const auto grace = std::chrono::milliseconds(run_.is_virtual() ? 0 : run_.options.grace_ms);
    const auto rank = 10 + static_cast<int>(run_.layout().rank[a]);
    run_.at(
        end + grace, rank, [tell, a] { tell(a); }, true);
  }
}

}  // namespace hocket::host
