#pragma once

#include <algorithm>
#include <cstdint>

namespace hocket::wire {

/// Whether a thread that waits for messages that come quickly does better to look for them, or to
/// sleep at once.
///
/// Looking saves a wake-up where the other end has a core to itself. Where another program keeps a
/// core busy and both ends share what is left, looking keeps the other end from running, and a
/// message takes as long as the look; sleeping hands the core over. Nobody tells which of the two
/// it is, so both are tried: a few waits the other way now and then, ever more rarely while that
/// does not pay. Each end finds out for itself: who sleeps already makes a look of the other end
/// worth more, not less.
class look_or_sleep {
 public:
  /// `most_ns`: how long it would look. Waits of four times that are pauses of the traffic.
  explicit constexpr look_or_sleep(std::int64_t most_ns) : pause_ns_(4 * most_ns) {}

  /// For the wait that begins now.
  constexpr bool looks() const { return looks_ != (trial_ > 0); }

  /// After each wait for a message that could have been looked for.
  constexpr void waited(std::int64_t ns) {
    if (ns >= pause_ns_) return;
    if (trial_ > 0) {
      // The first of them still meets the other end as it was.
      if (trial_ < trial_waits) tried_ns_ += ns;
      if (--trial_ == 0) judge();
      return;
    }
    cost_ns_ += (ns - cost_ns_) / 8;
    if (cost_ns_ > 2 * judged_ns_ + 1'000) interval_ = first_interval;  // the machine has changed
    if (++since_ < interval_) return;
    trial_ = trial_waits;
    tried_ns_ = 0;
  }

 private:
  static constexpr int trial_waits = 5;
  static constexpr std::int64_t first_interval = 64, last_interval = 16'384;

  constexpr void judge() {
    since_ = 0;
    const auto other_ns = tried_ns_ / (trial_waits - 1);
    const bool pays = 4 * other_ns < 3 * cost_ns_;
    if (pays) {
      looks_ = !looks_;
      cost_ns_ = other_ns;
    }
    interval_ = pays ? first_interval : std::min(interval_ * 2, last_interval);
    judged_ns_ = cost_ns_;
  }

  std::int64_t pause_ns_;
  bool looks_ = true;
  int trial_ = 0;  ///< waits that are still to go the other way
  std::int64_t cost_ns_ = 0, tried_ns_ = 0, judged_ns_ = 0;
  std::int64_t since_ = 0, interval_ = first_interval;
};

}  // namespace hocket::wire
