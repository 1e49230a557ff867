// How a run ends: sources first, then everything drains, then actors close, upstream first.
#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run_changes.hpp"
#include "actors/host/graph_run.hpp"

namespace hocket::host {

void graph_run::source_ended(actor_cell& c) {
  event(c.name(), "end_of_stream", "");
  sources_open_.fetch_sub(1);
  maybe_ending();
}

void graph_run::maybe_ending() {
  if (ending() || !started.load()) return;
  if (sources_open_.load() > 0) return;
  // Other hosts may have sources left: the leader says when none is.
  if (peers && !stopping()) return notify_loop();
  // Without sources, or as a server that began without sessions, only stop() ends a run.
  if (ends_by_itself() || stopping()) begin_ending();
}

void graph_run::begin_ending() {
  if (ending() || !started.load()) return;
  requests.close_owned();  // before their owners may close
  ending_at_ns_.store(time.axis_now_ns());
  ending_.store(true, std::memory_order_release);
  for (const auto& c : all_cells()) c->wake();
  notify_loop();
}

void graph_run::stop(end_reason why, std::string detail, bool from_peer) {
  {
    std::lock_guard lock(end_mutex_);
    if (stopping_.load()) return;
    why_ = why;
    detail_ = std::move(detail);
    stop_at_ns_.store(monotonic_ns());
    stopping_.store(true, std::memory_order_release);
  }
  event("", "stopping", detail_);
  if (peers) peers->stopped(why, detail_, from_peer);
  requests.close_owned();
  for (const auto& c : all_cells())
    if (c->is_source()) c->stop_source();
  maybe_ending();
  notify_loop();
}

void graph_run::lost(actor_cell& c, const std::string& why) {
  if (c.is_retiring()) return;  // a rewire takes it out anyway
  if (!started.load() || requests.is_opening(c.session())) {
    if (c.spec().restart.stop_graph || started.load())
      opened(c, fail("host.lost", why));
    else
      opened(c, {});
    return;
  }
  if (c.spec().restart.stop_graph && !stopping())
    stop(end_reason::failed, fmt::format("{} is lost: {}", c.name(), why));
}

void graph_run::closed(actor_cell& c) {
  if (c.is_prepared()) return;  // it never took part
  if (c.is_retiring()) changes->retired(c);
  requests.cell_opened(c.session());  // another one may have taken its place
  if (unclosed_.fetch_sub(1) == 1) notify_loop();
}

// A micro-turn that is not over is waited for; what lies in front of an aligned actor is not: it
// waits for the end of another input, and that comes when an actor upstream closes.
bool graph_run::has_open_micro_turn() const {
  for (const auto& c : all_cells())
    if (c->spec().policy == input_policy::micro_turn && c->has_queued()) return true;
  return false;
}

bool graph_run::anyone_has_pending_work() const {
  const auto cells = all_cells();
  return std::any_of(cells.begin(), cells.end(),
                     [](const auto& c) { return c->has_pending_work(); });
}

// Time in which no cell worked, nothing came over a back edge and nothing was to be expected. Ticks
// go on until the end, and what they cause does not count as such: it stops the count for as long
// as it takes, and no longer.
std::int64_t graph_run::count_idle_ns(std::int64_t now_ns) {
  const auto passed = idle_seen_ns_ == 0 ? 0 : now_ns - idle_seen_ns_;
  idle_seen_ns_ = now_ns;
  const auto traffic_now = back_edge_traffic.load();
  if (traffic_now != idle_traffic_ || restarts_pending.load() > 0 || anyone_has_pending_work()) {
    idle_traffic_ = traffic_now;
    idle_ns_ = 0;
  } else if (active.load(std::memory_order_acquire) == 0) {
    idle_ns_ += passed;
  }
  return idle_ns_;
}

bool graph_run::close_next(bool force) {
  idle_ns_ = 0;
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (p == phase::closed || p == phase::lost) continue;
    c->request_close(force);
    return true;
  }
  return false;
}

std::shared_ptr<actor_cell> graph_run::next_to_close() const {
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (c->role() == actor_role::local && p != phase::closed && p != phase::lost) return c;
  }
  return nullptr;
}

void graph_run::check_hangs() {
  const auto now_ns = monotonic_ns();
  std::int64_t limit_ns = 0;
  // After twice the time to drain, no call is waited for, whatever its watchdog says.
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > 2 * drain_ns)
    limit_ns = std::max<std::int64_t>(drain_ns, 1);
  auto cells = all_cells();
  if (changes) changes->add_prepared(cells);
  for (const auto& c : cells) {
    c->check_hang(now_ns);
    if (limit_ns > 0) c->check_hang(now_ns, limit_ns);
  }
}

void graph_run::check_drain() {
  if (finished()) return;
  if (peers) return peers->check();
  if (!started.load()) return;
  if (all_closed()) return finish();
  if (!ending()) return;
  constexpr std::int64_t settle_ns = 300'000'000;
  const auto now_ns = monotonic_ns();
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > drain_ns) {
    close_next(true);
    return;
  }
  if (count_idle_ns(now_ns) > settle_ns) {
    close_next(false);
    return;
  }
  const auto seen = activity.load();
  const bool idle = active.load(std::memory_order_acquire) == 0 && restarts_pending.load() == 0;
  if (seen != stall_activity_) {
    stall_activity_ = seen;
    stall_since_ns_ = now_ns;
  } else if (idle && now_ns - stall_since_ns_ > drain_ns) {
    stalled();
    return;
  }
  close_endless_loop(now_ns);
}

// An endless loop: packets run in a circle though nothing new comes in.
void graph_run::close_endless_loop(std::int64_t now_ns) {
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (p == phase::closed || p == phase::lost) continue;
    if (!c->waits_for_back_edges() || loop_of_ != c.get()) {
      loop_of_ = c->waits_for_back_edges() ? c.get() : nullptr;
      loop_since_ns_ = now_ns;
    } else if (now_ns - loop_since_ns_ > drain_ns) {
      loop_of_ = nullptr;
      c->request_close(true);
    }
    return;
  }
}

// Packets wait that no actor will ever take: a mistake of ours, and no reason never to end.
void graph_run::stalled() {
  std::string who;
  for (const auto& c : all_cells())
    if (const auto p = c->state(); p != phase::closed && p != phase::lost) who += c->describe();
  event("", "stalled", who);
  stall_since_ns_ = monotonic_ns();
  close_next(true);
}

bool graph_run::overdue_virtual() const {
  const auto limit = duration(static_cast<std::int64_t>(options.drain_limit_s * 1e9));
  return ending() && now() - timestamp(ending_at_ns_.load()) > limit;
}

bool graph_run::drain_virtual() {
  if (finished() || !started.load()) return false;
  if (all_closed()) {
    finish();
    return true;
  }
  if (!ending()) return false;
  const bool overdue = overdue_virtual();
  if (!overdue && (timer.has_active() || has_open_micro_turn() || anyone_has_pending_work()))
    return false;
  return close_next(overdue);
}

// Nothing is ready: what drained goes, then time does.
bool graph_run::next_virtual() {
  if (!started.load()) {
    // Still opening: only restarts can be due, and no stream time passes for them.
    auto next = timer.take_next();
    if (next) next->run();
    return next.has_value();
  }
  if (finished()) return false;
  if (peers) return peers->idle_virtual();
  if (drain_virtual()) return true;
  // Where nothing is due but ticks, time stands still until something comes from outside.
  if (!timer.has_active() && !ending()) return false;
  if (const auto due = timer.next(); due && due->first >= pause_before_ns_.load()) return false;
  if (auto next = timer.take_next()) {
    if (next->when_ns > now().ns()) time.set(timestamp(next->when_ns));
    next->run();
  } else {
    stalled();
  }
  return true;
}

void graph_run::finish() {
  auto last = status();
  {
    std::lock_guard lock(end_mutex_);
    if (finished_) return;
    summary_.why = why_;
    summary_.detail = detail_;
    summary_.last = std::move(last);
  }
  event("", "finished", summary_.detail);
  std::lock_guard lock(end_mutex_);
  finished_ = true;
  end_.notify_all();
}

bool graph_run::finished() const {
  std::lock_guard lock(end_mutex_);
  return finished_;
}

run_summary graph_run::wait() {
  std::unique_lock lock(end_mutex_);
  end_.wait(lock, [&] { return finished_; });
  return summary_;
}

}  // namespace hocket::host
