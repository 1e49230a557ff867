#pragma once

#include <cstdint>

namespace hocket::wire {

/// How long a thread that waits for messages looks for the next one before it sleeps.
///
/// Being woken costs tens of microseconds, more than a message takes in shared memory; looking
/// costs a core. So we look where the last message came soon enough to have been found that way,
/// and half as long after each that did not: packets each millisecond or slower are waited for
/// asleep. Judged is how long a message took, not whether it was found awake: two ends that both
/// came to sleep wait for two wake-ups each time, and would otherwise never look long enough to
/// find each other awake again.
class spin_budget {
 public:
  /// `most_ns`: at least what two wake-ups and the work between them take.
  explicit constexpr spin_budget(std::int64_t most_ns) : most_ns_(most_ns) {}

  /// For the wait that begins now.
  constexpr std::int64_t ns() const { return now_ns_; }

  /// After each wait that ended with a message: how long it was, awake and asleep.
  constexpr void waited(std::int64_t ns) { now_ns_ = ns <= most_ns_ ? most_ns_ : now_ns_ / 2; }

 private:
  std::int64_t most_ns_, now_ns_ = 0;
};

}  // namespace hocket::wire
