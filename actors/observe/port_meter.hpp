#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "graph/core/ids.hpp"

namespace hocket::observe {

/// Rate, regularity and size of what a port carries; figures alone, whatever the packets hold.
///
/// Intervals are those of one output in one conversation: two voices that alternate do not look
/// like one that is twice as quick.
class port_meter {
 public:
  /// Of some time: packets, their bytes, and the intervals between them.
  struct window {
    std::uint64_t packets = 0, bytes = 0, intervals = 0;
    double mean_ms = 0, least_ms = 0, most_ms = 0;
    double squares = 0;  ///< of the distances from the mean (Welford)
    /// Standard deviation of the intervals.
    double jitter_ms() const;
    void add_interval(double ms);
  };

  explicit port_meter(std::int64_t now_ns) : began_ns_(now_ns), window_ns_(now_ns) {}
  void note(const std::string& output, session_id session, std::size_t bytes, std::int64_t now_ns);
  const window& whole() const { return whole_; }
  std::int64_t began_ns() const { return began_ns_; }
  /// What came since it was taken last, and in how long.
  std::pair<window, std::int64_t> take(std::int64_t now_ns);

 private:
  std::int64_t began_ns_, window_ns_;
  window whole_, since_;
  std::map<std::pair<std::string, session_id>, std::int64_t> last_ns_;  ///< of each stream
};

}  // namespace hocket::observe
