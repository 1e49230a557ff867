// How a run ends: sources first, then everything drains, then last words, upstream first.
#include <algorithm>

#include <fmt/format.h>

#include "actors/host/cell.hpp"
#include "actors/host/rewirer.hpp"
#include "actors/host/team.hpp"
#include "actors/host/world.hpp"

namespace hocket::host {

void world::source_ended(cell& c) {
  event(c.name(), "end_of_stream", "");
  sources_open_.fetch_sub(1);
  maybe_ending();
}

void world::maybe_ending() {
  if (ending() || !gone.load()) return;
  if (sources_open_.load() > 0) return;
  // Other hosts may have sources left: the leader says when none is.
  if (others && !stopping()) return poke_driver();
  // Without sources, or as a server that began without sessions, only stop() ends a run.
  if (ends_by_itself() || stopping()) begin_ending();
}

void world::begin_ending() {
  if (ending() || !gone.load()) return;
  ending_at_ns_.store(time.axis_now_ns());
  ending_.store(true, std::memory_order_release);
  for (const auto& c : all_cells()) c->wake();
  poke_driver();
}

void world::stop(end_reason why, std::string detail, bool told) {
  {
    std::lock_guard lock(end_mutex_);
    if (stopping_.load()) return;
    why_ = why;
    detail_ = std::move(detail);
    stop_at_ns_.store(monotonic_ns());
    stopping_.store(true, std::memory_order_release);
  }
  event("", "stopping", detail_);
  if (others && !told) others->tell_stop(why, detail_);
  if (others) others->stop_waiting();
  for (const auto& c : all_cells())
    if (c->is_source()) c->stop_source();
  maybe_ending();
  poke_driver();
}

void world::lost(cell& c, const std::string& why) {
  if (c.is_leaving()) return;  // a rewire takes it out anyway
  if (!gone.load()) {
    if (c.spec().restart.stop_graph)
      opened(c, fail("host.lost", why));
    else
      opened(c, {});
    return;
  }
  if (c.spec().restart.stop_graph && !stopping())
    stop(end_reason::failed, fmt::format("{} is lost: {}", c.name(), why));
}

void world::closed(cell& c) {
  if (c.on_trial()) return;  // it never took part
  if (c.is_leaving()) changes->left(c);
  if (unclosed_.fetch_sub(1) == 1) poke_driver();
}

// A micro-turn that is not over is waited for; what lies in front of an aligned actor is not: it
// waits for the end of another input, and that comes when somebody upstream is released.
bool world::time_will_tell() const {
  for (const auto& c : all_cells())
    if (c->spec().policy == input_policy::micro_turn && c->has_queued()) return true;
  return false;
}

bool world::anyone_holds() const {
  const auto cells = all_cells();
  return std::any_of(cells.begin(), cells.end(), [](const auto& c) { return c->holds(); });
}

// Time in which nobody worked, no echo came and none was to be expected. Ticks go on until the end,
// and what they cause is no echo: it stops the count for as long as it takes, and no longer.
std::int64_t world::count_quiet_ns(std::int64_t now_ns) {
  const auto passed = quiet_seen_ns_ == 0 ? 0 : now_ns - quiet_seen_ns_;
  quiet_seen_ns_ = now_ns;
  const auto echoes_now = echoes.load();
  if (echoes_now != quiet_echoes_ || restarts_pending.load() > 0 || anyone_holds()) {
    quiet_echoes_ = echoes_now;
    quiet_ns_ = 0;
  } else if (active.load(std::memory_order_acquire) == 0) {
    quiet_ns_ += passed;
  }
  return quiet_ns_;
}

bool world::release_next(bool force) {
  quiet_ns_ = 0;
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (p == phase::closed || p == phase::lost) continue;
    c->request_release(force);
    return true;
  }
  return false;
}

std::shared_ptr<cell> world::next_to_release() const {
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (c->stand() == standing::here && p != phase::closed && p != phase::lost) return c;
  }
  return nullptr;
}

void world::check_hangs() {
  const auto now_ns = monotonic_ns();
  std::int64_t limit_ns = 0;
  // After twice the time to drain, no call is waited for, whatever its watchdog says.
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > 2 * drain_ns)
    limit_ns = std::max<std::int64_t>(drain_ns, 1);
  auto cells = all_cells();
  changes->add_standing_by(cells);
  for (const auto& c : cells) {
    c->check_hang(now_ns);
    if (limit_ns > 0) c->check_hang(now_ns, limit_ns);
  }
}

void world::check_drain() {
  if (finished()) return;
  if (others) return others->check();
  if (!gone.load()) return;
  if (all_closed()) return finish();
  if (!ending()) return;
  constexpr std::int64_t settle_ns = 300'000'000;
  const auto now_ns = monotonic_ns();
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  if (const auto at = stop_at_ns_.load(); at != 0 && now_ns - at > drain_ns) {
    release_next(true);
    return;
  }
  if (count_quiet_ns(now_ns) > settle_ns) {
    release_next(false);
    return;
  }
  const auto seen = activity.load();
  const bool quiet = active.load(std::memory_order_acquire) == 0 && restarts_pending.load() == 0;
  if (seen != stall_activity_) {
    stall_activity_ = seen;
    stall_since_ns_ = now_ns;
  } else if (quiet && now_ns - stall_since_ns_ > drain_ns) {
    stalled();
    return;
  }
  end_echo(now_ns);
}

// An echo that never fades: packets run in a circle though nothing new comes in.
void world::end_echo(std::int64_t now_ns) {
  const auto drain_ns = static_cast<std::int64_t>(options.drain_limit_s * 1e9);
  for (const auto& c : all_cells()) {
    const auto p = c->state();
    if (p == phase::closed || p == phase::lost) continue;
    if (!c->waits_for_echo() || echo_of_ != c.get()) {
      echo_of_ = c->waits_for_echo() ? c.get() : nullptr;
      echo_since_ns_ = now_ns;
    } else if (now_ns - echo_since_ns_ > drain_ns) {
      echo_of_ = nullptr;
      c->request_release(true);
    }
    return;
  }
}

// Packets wait and nobody will ever take them: a mistake of ours, and no reason never to end.
void world::stalled() {
  std::string who;
  for (const auto& c : all_cells())
    if (const auto p = c->state(); p != phase::closed && p != phase::lost) who += c->describe();
  event("", "stalled", who);
  stall_since_ns_ = monotonic_ns();
  release_next(true);
}

bool world::overdue_virtual() const {
  const auto limit = duration(static_cast<std::int64_t>(options.drain_limit_s * 1e9));
  return ending() && now() - timestamp(ending_at_ns_.load()) > limit;
}

bool world::drain_virtual() {
  if (finished() || !gone.load()) return false;
  if (all_closed()) {
    finish();
    return true;
  }
  if (!ending()) return false;
  const bool overdue = overdue_virtual();
  if (!overdue && (timer.has_active() || time_will_tell() || anyone_holds())) return false;
  return release_next(overdue);
}

// Nothing is ready: what drained goes, then time does.
bool world::next_virtual() {
  if (!gone.load()) {
    // Still opening: only restarts can be due, and no stream time passes for them.
    auto next = timer.take_next();
    if (next) next->run();
    return next.has_value();
  }
  if (finished()) return false;
  if (others) return others->idle_virtual();
  if (drain_virtual()) return true;
  // Where nothing is due but ticks, time stands still until somebody comes from outside.
  if (!timer.has_active() && !ending()) return false;
  if (const auto due = timer.next(); due && due->first >= hold_ns_.load()) return false;
  if (auto next = timer.take_next()) {
    if (next->when_ns > now().ns()) time.set(timestamp(next->when_ns));
    next->run();
  } else {
    stalled();
  }
  return true;
}

void world::finish() {
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

bool world::finished() const {
  std::lock_guard lock(end_mutex_);
  return finished_;
}

run_summary world::wait() {
  std::unique_lock lock(end_mutex_);
  end_.wait(lock, [&] { return finished_; });
  return summary_;
}

}  // namespace hocket::host
