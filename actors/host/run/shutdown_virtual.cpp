// The end, and the next step, of a run in virtual time.
#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/run/shutdown.hpp"

namespace hocket::host {

void shutdown::pause_time_before(std::int64_t before_ns) {
  pause_before_ns_.store(before_ns);
  run_.notify_loop();
}

bool shutdown::overdue_virtual() const {
  return ending() && run_.now() - timestamp(ending_at_ns_.load()) > duration(drain_limit_ns());
}

bool shutdown::drain_virtual() {
  if (finished() || !run_.started.load()) return false;
  if (all_closed()) {
    finish();
    return true;
  }
  if (!ending()) return false;
  const bool overdue = overdue_virtual();
  if (!overdue && (run_.timer.has_active() || has_open_micro_turn() || anyone_has_pending_work()))
    return false;
  return close_next(overdue);
}

bool shutdown::next_virtual() {
  if (!run_.started.load()) {
    // Still opening: only restarts can be due, and no stream time passes for them.
    auto next = run_.timer.take_next();
    if (next) next->run();
    return next.has_value();
  }
  if (finished()) return false;
  if (run_.peers) return run_.peers->idle_virtual();
  if (drain_virtual()) return true;
  // Where nothing is due but ticks, time stands still until something comes from outside.
  if (!run_.timer.has_active() && !ending()) return false;
  if (const auto due = run_.timer.next(); due && due->first >= pause_before_ns_.load())
    return false;
  if (auto next = run_.timer.take_next()) {
    if (next->when_ns > run_.now().ns()) run_.time.set(timestamp(next->when_ns));
    next->run();
  } else {
    stalled();
  }
  return true;
}

}  // namespace hocket::host
