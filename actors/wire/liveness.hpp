#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace hocket::wire {

/// Judges the two lanes of a connection apart: data that flows does not excuse a dead control lane,
/// nor the other way round. Pure: the caller brings the time.
class liveness {
 public:
  enum class verdict : std::uint8_t { alive, suspect, dead };
  explicit liveness(std::int64_t lost_after_ns) : lost_after_ns_(lost_after_ns) {}

  void begin(std::int64_t now_ns) { control_ns_ = data_ns_ = now_ns; }
  void heard_control(std::int64_t now_ns) { control_ns_ = std::max(control_ns_, now_ns); }
  void heard_data(std::int64_t now_ns) { data_ns_ = std::max(data_ns_, now_ns); }

  std::int64_t control_silent_ns(std::int64_t now_ns) const { return now_ns - control_ns_; }
  std::int64_t data_silent_ns(std::int64_t now_ns) const { return now_ns - data_ns_; }
  verdict judge(std::int64_t now_ns) const {
    const auto silent = std::max(control_silent_ns(now_ns), data_silent_ns(now_ns));
    return silent >= lost_after_ns_       ? verdict::dead
           : silent >= lost_after_ns_ / 2 ? verdict::suspect
                                          : verdict::alive;
  }
  /// We ourselves slept (a suspended machine, SIGSTOP): silence of that time says nothing of the
  /// peer. What was heard since then stays as it is: nothing is heard in the future.
  void forgive(std::int64_t slept_ns, std::int64_t now_ns) {
    control_ns_ = std::max(control_ns_, std::min(control_ns_ + slept_ns, now_ns));
    data_ns_ = std::max(data_ns_, std::min(data_ns_ + slept_ns, now_ns));
  }

 private:
  std::int64_t lost_after_ns_;
  std::int64_t control_ns_ = 0, data_ns_ = 0;
};

/// Waiting times between attempts: doubling from `first` to `most`, each drawn from its upper half,
/// so that many hosts that lost the same peer do not knock together.
class backoff {
 public:
  backoff(std::int64_t first_ns, std::int64_t most_ns, std::uint64_t seed)
      : first_ns_(first_ns), most_ns_(most_ns), next_ns_(first_ns), random_(seed) {}
  std::int64_t next_ns() {
    const auto top = next_ns_;
    next_ns_ = std::min(most_ns_, next_ns_ * 2);
    return top / 2 + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(top / 2 + 1));
  }
  void reset() { next_ns_ = first_ns_; }

 private:
  std::int64_t first_ns_, most_ns_, next_ns_;
  std::mt19937_64 random_;
};

}  // namespace hocket::wire
