#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket::host {

/// The restarts of one actor: how many its policy still allows, and how long each waits.
///
/// Threads: under the cell's mutex.
class restarts {
 public:
  /// One more: how long it waits, in ms, twice as long each time; none: they are used up. Times are
  /// on the axis of the run's timers.
  std::optional<std::int64_t> next(const restart_policy& policy, std::int64_t now_ns) {
    std::erase_if(at_ns_, [&](std::int64_t t) { return now_ns - t > window_ns(policy); });
    if (policy.when == restart_policy::mode::never ||
        at_ns_.size() >= static_cast<std::size_t>(std::max(policy.max, 0)))
      return {};
    const auto doublings = std::min<std::size_t>(at_ns_.size(), 20);
    at_ns_.push_back(now_ns);
    ++count_;
    return std::min<std::int64_t>(std::int64_t{policy.backoff_ms} << doublings,
                                  policy.backoff_max_ms);
  }
  std::uint64_t count() const { return count_; }
  /// Those that the policy still counts.
  std::uint64_t recent(const restart_policy& policy, std::int64_t now_ns) const {
    return static_cast<std::uint64_t>(
        std::count_if(at_ns_.begin(), at_ns_.end(),
                      [&](std::int64_t t) { return now_ns - t <= window_ns(policy); }));
  }

 private:
  static std::int64_t window_ns(const restart_policy& policy) {
    return static_cast<std::int64_t>(policy.within_s * 1e9);
  }
  std::vector<std::int64_t> at_ns_;
  std::uint64_t count_ = 0;
};

}  // namespace hocket::host
