#include "actors/host/run/shutdown.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/run_changes.hpp"

namespace hocket::host {

std::int64_t shutdown::drain_limit_ns() const {
  return static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
}

bool shutdown::ends_by_itself() const {
  return run_.topology.has_sources() && run_.options.sessions > 0;
}

void shutdown::cell_added(const actor_cell& c) {
  unclosed_.fetch_add(1);
  if (c.id().is_source()) sources_open_.fetch_add(1);
}

void shutdown::source_ended(const actor_cell& c) {
  run_.observers.event(c.id().name, "end_of_stream", "");
  sources_open_.fetch_sub(1);
  maybe_ending();
}

void shutdown::maybe_ending() {
  if (ending() || !run_.started.load()) return;
  if (sources_open_.load() > 0) return;
  // Other hosts may have sources left: the leader says when none is.
  if (run_.peers && !stopping()) return run_.notify_loop();
  // Without sources, or as a server that began without sessions, only stop() ends a run.
  if (ends_by_itself() || stopping()) begin_ending();
}

void shutdown::begin_ending() {
  if (ending() || !run_.started.load()) return;
  run_.requests.close_owned();  // before their owners may close
  ending_at_ns_.store(run_.time.axis_now_ns());
  ending_.store(true, std::memory_order_release);
  for (const auto& c : run_.topology.cells()) c->wake();
  run_.notify_loop();
}

void shutdown::stop(end_reason why, std::string detail, bool from_peer) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_.load()) return;
    why_ = why;
    detail_ = detail;
    stop_at_ns_.store(monotonic_ns());
    stopping_.store(true, std::memory_order_release);
  }
  run_.observers.event("", "stopping", detail);
  if (run_.peers) run_.peers->stopped(why, detail, from_peer);
  run_.requests.close_owned();
  for (const auto& c : run_.topology.cells())
    if (c->id().is_source()) c->stop_source();
  maybe_ending();
  run_.notify_loop();
}

void shutdown::cell_lost(actor_cell& c, const std::string& why) {
  if (c.is_retiring()) return;  // a rewire takes it out anyway
  const bool stops = c.spec().restart.stop_graph;
  if (!run_.started.load() || run_.requests.is_opening(c.id().session)) {
    const bool fails = stops || run_.started.load();
    return run_.opened(c, fails ? result<void>(fail("host.lost", why)) : result<void>());
  }
  if (stops && !stopping())
    stop(end_reason::failed, fmt::format("{} is lost: {}", c.id().name, why));
}

void shutdown::cell_closed(actor_cell& c) {
  if (c.is_prepared()) return;  // it never took part
  if (c.is_retiring()) run_.changes->retired(c);
  run_.requests.cell_opened(c.id().session);  // another one may have taken its place
  if (unclosed_.fetch_sub(1) == 1) run_.notify_loop();
}

// A micro-turn that is not over is waited for; what lies in front of an aligned actor is not: it
// waits for the end of another input, and that comes when an actor upstream closes.
bool shutdown::has_open_micro_turn() const {
  for (const auto& c : run_.topology.cells())
    if (c->spec().policy == input_policy::micro_turn && c->has_queued()) return true;
  return false;
}

bool shutdown::anyone_has_pending_work() const {
  const auto cells = run_.topology.cells();
  return std::any_of(cells.begin(), cells.end(),
                     [](const auto& c) { return c->has_pending_work(); });
}

// Time in which no cell worked, nothing came over a back edge and nothing was to be expected. Ticks
// go on until the end, and what they cause does not count as such: it stops the count for as long
// as it takes, and no longer.
std::int64_t shutdown::count_idle_ns(std::int64_t now_ns) {
  const auto passed = idle_seen_ns_ == 0 ? 0 : now_ns - idle_seen_ns_;
  idle_seen_ns_ = now_ns;
  const auto& activity = run_.activity;
  const auto traffic_now = activity.back_edge_traffic.load();
  if (traffic_now != idle_traffic_ || activity.restarts_pending.load() > 0 ||
      anyone_has_pending_work()) {
    idle_traffic_ = traffic_now;
    idle_ns_ = 0;
  } else if (activity.active.load(std::memory_order_acquire) == 0) {
    idle_ns_ += passed;
  }
  return idle_ns_;
}

bool shutdown::close_next(bool force) {
  idle_ns_ = 0;
  for (const auto& c : run_.topology.cells()) {
    if (c->is_over()) continue;
    c->request_close(force);
    return true;
  }
  return false;
}

std::shared_ptr<actor_cell> shutdown::next_to_close() const {
  for (const auto& c : run_.topology.cells())
    if (c->id().role == actor_role::local && !c->is_over()) return c;
  return nullptr;
}

void shutdown::check_hangs() {
  const auto now_ns = monotonic_ns();
  std::int64_t limit_ns = 0;
  // After twice the time to drain, no call is waited for, whatever its watchdog says.
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > 2 * drain_limit_ns())
    limit_ns = std::max<std::int64_t>(drain_limit_ns(), 1);
  auto cells = run_.topology.cells();
  if (run_.changes) run_.changes->add_prepared(cells);
  for (const auto& c : cells) {
    c->check_hang(now_ns);
    if (limit_ns > 0) c->check_hang(now_ns, limit_ns);
  }
}

void shutdown::check() {
  if (finished()) return;
  if (run_.peers) return run_.peers->check();
  if (!run_.started.load()) return;
  if (all_closed()) return finish();
  if (!ending()) return;
  constexpr std::int64_t settle_ns = 300'000'000;
  const auto now_ns = monotonic_ns();
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > drain_limit_ns()) {
    close_next(true);
    return;
  }
  if (count_idle_ns(now_ns) > settle_ns) {
    close_next(false);
    return;
  }
  const auto seen = run_.activity.scheduled.load();
  if (seen != stall_scheduled_) {
    stall_scheduled_ = seen;
    stall_since_ns_ = now_ns;
  } else if (run_.activity.is_idle() && now_ns - stall_since_ns_ > drain_limit_ns()) {
    stalled();
    return;
  }
  close_endless_loop(now_ns);
}

void shutdown::close_endless_loop(std::int64_t now_ns) {
  for (const auto& c : run_.topology.cells()) {
    if (c->is_over()) continue;
    if (!c->waits_for_back_edges() || loop_of_ != c.get()) {
      loop_of_ = c->waits_for_back_edges() ? c.get() : nullptr;
      loop_since_ns_ = now_ns;
    } else if (now_ns - loop_since_ns_ > drain_limit_ns()) {
      loop_of_ = nullptr;
      c->request_close(true);
    }
    return;
  }
}

// Packets wait that no actor will ever take: a mistake of ours, and no reason never to end.
void shutdown::stalled() {
  std::string who;
  for (const auto& c : run_.topology.cells())
    if (!c->is_over()) who += c->describe();
  run_.observers.event("", "stalled", who);
  stall_since_ns_ = monotonic_ns();
  close_next(true);
}

void shutdown::finish() {
  auto last = run_.status();
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    summary_.why = why_;
    summary_.detail = detail_;
    summary_.last = std::move(last);
  }
  run_.observers.event("", "finished", summary_.detail);
  std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

bool shutdown::finished() const {
  std::lock_guard lock(mutex_);
  return finished_;
}

run_summary shutdown::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return finished_; });
  return summary_;
}

}  // namespace hocket::host
