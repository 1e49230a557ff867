#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace hocket::gateway {

/// Puts a client's sound onto the stream's clock. Sound comes in pieces of any size, late, early or all
/// at once; it leaves at the pace of the clock, each sample once and in order. What a client falls behind
/// becomes a gap (which is heard as silence) instead of a growing delay.
class sound_pump {
 public:
  struct limits {
    int jitter_ms = 100;    ///< this late a piece is still joined to the one before
    int ahead_ms = 30'000;  ///< what may wait of a client that sends faster than it speaks
  };
  struct piece {
    std::int64_t first_sample = 0;  ///< index on the stream's clock
    std::vector<float> samples;
  };

  explicit sound_pump(int rate_hz) : sound_pump(rate_hz, limits{}) {}
  sound_pump(int rate_hz, limits l) : rate_hz_(rate_hz), limits_(l) {}

  /// They came when the stream's clock was at sample `now`. How many had to go: the oldest, where too
  /// much waits.
  std::size_t put(std::span<const float> samples, std::int64_t now);
  /// What is due when the stream's clock is at sample `now`; nothing where nothing is.
  std::optional<piece> take(std::int64_t now);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  const int rate_hz_;
  const limits limits_;
  std::deque<float> waiting_;
  std::optional<std::int64_t> next_;  ///< where the next sample belongs
};

}  // namespace hocket::gateway
