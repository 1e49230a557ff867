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
  using told = void (actor_cell::*)(std::int64_t);
  const auto end = run_.graph().grid.end_of(k);
  const auto tell_at = [&](timestamp at, int rank, actor_index a, told what) {
    const auto tell = [this, k, a, what] {
      for (const auto& c : run_.topology.cells())
        if (c->id().actor == a) (c.get()->*what)(k);
    };
    run_.at(at, rank, tell, true);
  };
  for (const auto a : run_.layout().upstream_first) {
    if (run_.graph().actors[a].policy != input_policy::micro_turn) continue;
    const auto rank = 10 + static_cast<int>(run_.layout().rank[a]);
    const auto grace = std::chrono::milliseconds(run_.is_virtual() ? 0 : run_.options.grace_ms);
    tell_at(end + grace, rank, a, &actor_cell::deadline);
    if (run_.is_virtual()) continue;
    tell_at(end + std::chrono::milliseconds(run_.options.batch_ms), rank, a,
            &actor_cell::turn_over);
  }
}

}  // namespace hocket::host
