#pragma once

#include <cstdint>
#include <deque>

#include "actors/wire/node.hpp"

namespace hocket::wire {

/// Estimates how far another host's monotonic clock is from ours, from four time stamps at a time.
///
/// Each exchange bounds the offset: it lies within half of its round trip around the middle. An
/// older exchange is worth less by what two clocks may drift apart, 100 ppm here (crystals stay
/// within 50). The exchange with the tightest bound today wins, so the result is within
/// `uncertainty_ns` whatever the jitter and however asymmetric the way, while the drift keeps to
/// that. Pure. One thread. Source: D. L. Mills, RFC 5905, section 10 (clock filter), with a bound
/// instead of a variance.
class peer_clock {
 public:
  static constexpr double worst_drift_ppm = 100;
  static constexpr std::int64_t window_ns = 60'000'000'000;

  /// t0, t3: sent and received by us, our clock; t1, t2: received and answered by them, their
  /// clock. Leaves out exchanges that contradict themselves. An exchange that contradicts all older
  /// ones means that a clock jumped: the older ones are forgotten.
  void exchange(std::int64_t t0_ns, std::int64_t t1_ns, std::int64_t t2_ns, std::int64_t t3_ns);

  clock_status status(std::int64_t now_ns) const;
  /// A time of theirs in our clock; unchanged while nothing is known.
  std::int64_t to_ours(std::int64_t theirs_ns) const;
  /// Whether their clock can be taken for ours: on one machine, unless the measurements rule it
  /// out. False while nothing is known of another machine.
  bool is_ours(bool same_machine) const;
  std::int64_t min_rtt_ns() const;
  std::uint64_t jumps() const { return jumps_; }
  void reset() { *this = {}; }

 private:
  struct sample {
    std::int64_t at_ns = 0;  ///< our clock
    std::int64_t offset_ns = 0;
    std::int64_t rtt_ns = 0;
    std::int64_t bound_ns(std::int64_t now_ns) const;
  };
  const sample* best(std::int64_t now_ns) const;
  double drift_ppm() const;

  std::deque<sample> samples_;
  std::int64_t current_ns_ = 0, current_bound_ns_ = 0;  ///< the offset in use, and its bound
  std::uint64_t count_ = 0, jumps_ = 0;
};

}  // namespace hocket::wire
