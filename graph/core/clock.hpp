#pragma once

#include <atomic>

#include "graph/core/timestamp.hpp"

namespace hocket {

/// The one clock of a running graph. `now()` is stream time; it starts at zero with the graph.
class clock {
 public:
  virtual ~clock() = default;
  virtual timestamp now() const = 0;
  /// True where time advances only when somebody says so: results are deterministic.
  virtual bool is_virtual() const = 0;
};

/// Follows CLOCK_MONOTONIC from the moment of construction. Threads: any.
class steady_clock final : public clock {
 public:
  timestamp now() const override {
    return timestamp((std::chrono::steady_clock::now() - start_).count());
  }
  bool is_virtual() const override { return false; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A clock that stands still until told: for tests, and for running a graph in virtual time.
class manual_clock final : public clock {
 public:
  timestamp now() const override { return timestamp(now_ns_.load(std::memory_order_acquire)); }
  bool is_virtual() const override { return true; }
  void set(timestamp t) { now_ns_.store(t.ns(), std::memory_order_release); }
  void advance(duration d) { now_ns_.fetch_add(d.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<std::int64_t> now_ns_{0};
};

/// Monotonic wall time in ns for measuring compute and hops; never used as stream time.
inline std::int64_t monotonic_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace hocket
