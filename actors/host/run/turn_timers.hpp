#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "actors/host/fwd.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::host {

/// What is due by stream time: sources, ticks, and the deadlines of micro-turns.
///
/// Threads: any; schedule_boundary() before the timers begin, or by them.
class turn_timers {
 public:
  explicit turn_timers(graph_run& run) : run_(run) {}
  /// A cell takes part from now on.
  void start_cell(const std::shared_ptr<actor_cell>& c);
  /// The source is due at `until`, and then whenever its period says, until it is done.
  void follow_source(const std::weak_ptr<actor_cell>& c, timestamp until);
  /// The end of micro-turn `k`, and those after it, where an actor cares.
  void schedule_boundary(std::int64_t k);

 private:
  void boundary(std::int64_t k);
  void notify_deadlines(std::int64_t k);
  graph_run& run_;
  std::atomic<bool> has_boundaries_{false};  ///< the next end of a micro-turn is waited for
};

}  // namespace hocket::host
