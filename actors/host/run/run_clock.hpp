#pragma once

#include <atomic>
#include <cstdint>

#include "graph/core/clock.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::host {

/// Stream time of a run: stands at zero until the sources go, then follows monotonic time, or, in
/// virtual time, the loop.
class run_clock final : public clock {
 public:
  explicit run_clock(bool is_virtual) : virtual_(is_virtual) {}
  timestamp now() const override {
    if (virtual_) return timestamp(now_ns_.load(std::memory_order_acquire));
    const auto began = began_ns_.load(std::memory_order_acquire);
    return timestamp(began == 0 ? 0 : monotonic_ns() - began);
  }
  bool is_virtual() const override { return virtual_; }
  /// Stream time at a monotonic time, without asking the system's clock again.
  timestamp at(std::int64_t mono_ns) const {
    if (virtual_) return timestamp(now_ns_.load(std::memory_order_acquire));
    const auto began = began_ns_.load(std::memory_order_acquire);
    return timestamp(began == 0 ? 0 : mono_ns - began);
  }
  /// Stream time zero is at this monotonic time.
  void begin(std::int64_t mono_ns) { began_ns_.store(mono_ns, std::memory_order_release); }
  void set(timestamp t) { now_ns_.store(t.ns(), std::memory_order_release); }
  /// When a stream time is due, on the timers' axis.
  std::int64_t due_ns(timestamp t) const {
    return virtual_ ? t.ns() : began_ns_.load(std::memory_order_acquire) + t.ns();
  }
  std::int64_t axis_now_ns() const { return virtual_ ? now().ns() : monotonic_ns(); }

 private:
  const bool virtual_;
  std::atomic<std::int64_t> began_ns_{0};
  std::atomic<std::int64_t> now_ns_{0};
};

}  // namespace hocket::host
