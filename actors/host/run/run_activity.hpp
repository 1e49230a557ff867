#pragma once

#include <atomic>
#include <cstdint>

namespace hocket::host {

/// What the cells of a run are at, for whoever decides that nothing will happen any more.
struct run_activity {
  std::atomic<int> active{0};               ///< cells that are scheduled or run
  std::atomic<std::uint64_t> scheduled{0};  ///< counts up with each
  /// Counts what may make an actor emit that only waits for its back edges: packets on them, work
  /// that components posted to themselves. What ticks cause is not among it.
  std::atomic<std::uint64_t> back_edge_traffic{0};
  std::atomic<int> restarts_pending{0};

  /// No cell runs, and none waits to be made anew.
  bool is_idle() const {
    return active.load(std::memory_order_acquire) == 0 && restarts_pending.load() == 0;
  }
};

}  // namespace hocket::host
