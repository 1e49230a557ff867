#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "graph/contract/component.hpp"

namespace hocket::host {

/// When a cell is called without an input: a source by its period, and ticks.
///
/// Threads: under the cell's mutex.
class pacing {
 public:
  explicit pacing(const component_info& info) : info_(info) {}

  /// The next multiple of the period after `t`, or the end of the micro-turn where that comes
  /// first: what a micro-turn is handed is then complete whatever the period.
  static timestamp until_after(timestamp t, const component_info& info,
                               const micro_turn_grid& grid) {
    const auto period = duration(std::chrono::milliseconds(std::max(info.period_ms, 1))).count();
    const timestamp next((t.ns() / period + 1) * period);
    return std::min(next, grid.end_of(grid.index_of(t)));
  }

  /// The cell takes part from `t` on: its first tick and period.
  void begin_at(timestamp t, const micro_turn_grid& grid) {
    next_tick_ = grid.index_of(t);
    next_until_ = until_after(t, info_, grid);
  }

  // Ticks.
  void tick_due(std::int64_t k) { tick_due_ = std::max(tick_due_, k); }
  bool has_tick() const { return info_.ticks && next_tick_ <= tick_due_; }
  /// The micro-turn whose tick is due, one after the other.
  std::int64_t take_tick() { return next_tick_++; }

  // The source.
  void source_due(timestamp until) { due_until_ = std::max(due_until_, until); }
  bool is_due() const { return next_until_ <= due_until_; }
  /// Up to which stream time it produces next.
  timestamp next_until() const { return next_until_; }
  void produced(timestamp until, const micro_turn_grid& grid) {
    next_until_ = until_after(until, info_, grid);
  }
  void stop() { stopped_ = true; }
  bool is_stopped() const { return stopped_; }
  /// False where it had ended before. A remote receiver: whether all that it stands for ended.
  bool set_ended(bool ended = true) { return std::exchange(ended_, ended) != ended; }
  bool has_ended() const { return ended_; }
  /// A retiring source makes what belongs to the time before: its replacement begins there.
  void retire_at(timestamp t) { retires_at_ = t; }
  bool must_finish_turn() const { return next_until_ <= retires_at_; }

 private:
  const component_info& info_;
  timestamp due_until_ = timestamp::min();
  timestamp next_until_;
  timestamp retires_at_ = timestamp::min();
  std::int64_t tick_due_ = -1;
  std::int64_t next_tick_ = 0;
  bool stopped_ = false;
  bool ended_ = false;
};

}  // namespace hocket::host
