#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace hocket::gateway {

/// Puts a client's sound onto the stream's clock. Sound comes in pieces of any size, late, early or all
/// at once; it leaves before the micro-turn that it belongs to is over, each sample once and in order.
///
/// A piece is put where it arrives, not where it was spoken: a micro-turn waits 30 ms for what is late, so
/// what is put further into the past is not heard at all. What a client falls behind becomes a gap (heard
/// as silence), and the next piece a margin into the future; what it lies back for no reason (a stall that
/// is over, a first piece that was late) it catches up where it is silent.
class sound_pump {
 public:
  struct limits {
    int margin_ms = 0;         ///< of a piece's begin before it is due
    int most_margin_ms = 120;  ///< with a client whose pieces come unevenly
    int lead_ms = 240;         ///< so long before its time sound leaves
    int ahead_ms = 30'000;     ///< what may wait of a client that sends faster than it speaks
  };
  struct piece {
    std::int64_t first_sample = 0;  ///< index on the stream's clock
    std::vector<float> samples;
  };

  explicit sound_pump(int rate_hz) : sound_pump(rate_hz, limits{}) {}
  sound_pump(int rate_hz, limits l);

  /// They came when the stream's clock was at sample `now`. How many had to go: the oldest, where too
  /// much waits.
  std::size_t put(std::span<const float> samples, std::int64_t now);
  /// What is to leave when the stream's clock is at sample `now`; nothing where nothing is.
  std::optional<piece> take(std::int64_t now);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::int64_t samples_of(int ms) const { return static_cast<std::int64_t>(rate_hz_) * ms / 1000; }
  void catch_up(std::int64_t latest);
  void look_at_lead(std::int64_t lead, std::int64_t samples);

  int rate_hz_;
  limits limits_;
  std::int64_t margin_;
  std::deque<float> waiting_;
  std::optional<std::int64_t> next_;        ///< where the next sample belongs
  std::int64_t watched_ = 0, surplus_ = 0;  ///< samples
  std::optional<std::int64_t> least_lead_;  ///< of the pieces that were watched
};

}  // namespace hocket::gateway
