#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "graph/core/timestamp.hpp"

namespace hocket::alerts {

/// By how much a counter grew over the last while, from looks at it. At most `samples_max` of them are
/// kept: the window is exact to one part in so many.
///
/// Memory: 16 bytes a sample.
class growth {
 public:
  static constexpr int samples_max = 256;
  explicit growth(duration window) : window_(window) {}
  /// A counter that falls began anew.
  std::uint64_t look(timestamp now, std::uint64_t count);

 private:
  duration window_;
  std::deque<std::pair<timestamp, std::uint64_t>> kept_;
  std::uint64_t last_ = 0, sum_ = 0;  ///< the counter; all that it grew
};

/// Raised while a value is above a threshold, and until it has been at or below a lower one for a while:
/// what wavers about a threshold is one alert.
class latch {
 public:
  struct limits {
    double above = 0;     ///< raised beyond
    double clear_at = 0;  ///< at most `above`
    duration clear_for{};
  };
  explicit latch(limits l) : limits_(l) {}
  enum class change : std::uint8_t { none, raised, cleared };
  change look(timestamp now, double value);
  bool is_raised() const { return is_raised_; }

 private:
  limits limits_;
  bool is_raised_ = false;
  std::optional<timestamp> calm_since_;
};

}  // namespace hocket::alerts
