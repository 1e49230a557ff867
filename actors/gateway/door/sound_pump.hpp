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
/// A micro-turn is stepped when it is over, so its sound need not be there before: a piece is put so that
/// the one that completes a micro-turn comes just before its end (where pieces of that length divide it;
/// else each where it arrives). What is late within a micro-turn costs nothing; what comes more than
/// 20 ms after the end of its own is put later, after a gap, which is heard as silence. What lies back for
/// no reason (a stall that is over, a first piece that was late) catches up where it is silent, as far as
/// three micro-turns in a row were complete too early, but for what such gaps have taught to keep.
class sound_pump {
 public:
  struct limits {
    int most_margin_ms = 120;  ///< kept with a client whose pieces come unevenly
    int lead_ms = 240;         ///< so long before its time sound leaves
    int ahead_ms = 30'000;     ///< what may wait of a client that sends faster than it speaks
    int turn_ms = 200;         ///< a micro-turn
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
  /// How long before its end a micro-turn's sound is there, as the gaps so far have taught.
  int margin_ms() const { return static_cast<int>(margin_ * 1000 / rate_hz_); }

 private:
  std::int64_t samples_of(int ms) const { return static_cast<std::int64_t>(rate_hz_) * ms / 1000; }
  std::int64_t turn_of(std::int64_t at) const { return at - at % turn_; }
  std::int64_t place_for(std::int64_t count, std::int64_t now) const;
  void make_room(std::int64_t count, std::int64_t now);
  void look_at_turn(std::int64_t count, std::int64_t now);
  void catch_up(std::int64_t latest);

  int rate_hz_;
  limits limits_;
  std::int64_t turn_, margin_ = 0;  ///< samples
  std::deque<float> waiting_;
  std::optional<std::int64_t> next_;            ///< where the next sample belongs
  std::int64_t last_count_ = 0, last_put_ = 0;  ///< of the last piece
  int watched_turns_ = 0, even_turns_ = 0;      ///< since the last look; without a gap
  std::int64_t surplus_ = 0;                    ///< samples
  std::optional<std::int64_t> least_lead_;      ///< of the micro-turns that were watched
};

}  // namespace hocket::gateway
