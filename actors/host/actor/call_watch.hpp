#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "actors/host/histogram.hpp"

namespace hocket::host {

/// The call that a component is in, for the thread that makes it and the watchdog that may write it
/// off: both want its end, one gets it, and the other leaves the cell alone.
///
/// Threads: what begins, ends and forgets from the holder of the cell's token, written_off_done()
/// from the watchdog, questions and renew() from any.
class call_watch {
 public:
  /// Returns what end() is given.
  std::uint64_t begin(std::int64_t began_ns) {
    began_ns_.store(began_ns, std::memory_order_relaxed);
    const auto id = ++count_ * 2 + 1;
    id_.store(id, std::memory_order_release);
    return id;
  }
  /// False: the call was written off. Else it is in the times.
  bool end(std::uint64_t id, std::int64_t began_ns, std::int64_t ended_ns) {
    if (!id_.compare_exchange_strong(id, 0, std::memory_order_acq_rel)) return false;
    const auto took = ended_ns - began_ns;
    times_.add(took);
    busy_ns_.store(busy_ns_.load(std::memory_order_relaxed) + took, std::memory_order_relaxed);
    // Forgets a call that the machine held up within some twenty others.
    recent_max_ns_ = std::max(took, recent_max_ns_ - recent_max_ns_ / 4);
    last_end_ns_ = ended_ns;
    return true;
  }

  /// It may load weights from a slow disk.
  void set_opening(bool opening) { opening_.store(opening); }
  bool is_opening() const { return opening_.load(); }
  bool is_in_call() const { return (id_.load(std::memory_order_acquire) & 1) != 0; }
  std::int64_t began_ns() const { return began_ns_.load(std::memory_order_relaxed); }
  /// The component says that it is still at work: its time begins anew.
  void renew(std::int64_t now_ns) { began_ns_.store(now_ns, std::memory_order_relaxed); }

  /// The watchdog: true where a call lasted longer than `limit_ns` and is its own now, until
  /// written_off_done().
  bool write_off(std::int64_t now_ns, std::int64_t limit_ns) {
    auto id = id_.load(std::memory_order_acquire);
    if ((id & 1) == 0) return false;
    if (now_ns - began_ns() <= limit_ns) return false;
    return id_.compare_exchange_strong(id, written_off, std::memory_order_acq_rel);
  }
  void written_off_done() {
    opening_.store(false);
    id_.store(0, std::memory_order_release);
  }

  /// The longest of the last few calls; (token).
  std::int64_t recent_max_ns() const { return recent_max_ns_; }
  void forget_recent() { recent_max_ns_ = 0; }
  /// (token)
  std::int64_t last_end_ns() const { return last_end_ns_; }
  void set_last_end(std::int64_t ns) { last_end_ns_ = ns; }

  void add_to(histogram::counts& times, std::int64_t& busy_ns) const {
    times_.add_to(times);
    busy_ns += busy_ns_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint64_t written_off = 2;
  std::atomic<std::uint64_t> id_{0};  ///< odd: inside the component
  std::atomic<std::int64_t> began_ns_{0};
  std::atomic<bool> opening_{false};
  std::atomic<std::int64_t> busy_ns_{0};
  histogram times_;
  // --- (token)
  std::uint64_t count_ = 0;
  std::int64_t recent_max_ns_ = 0;
  std::int64_t last_end_ns_ = 0;
};

}  // namespace hocket::host
