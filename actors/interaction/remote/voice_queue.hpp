#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace hocket::remote {

/// What a remote model says, from the network's pace onto the clock: bounded, with a little wait for what
/// is late. Times are milliseconds or samples of 16 kHz.
///
/// A remote model that answers in turns sends faster than it speaks: that waits, up to `ahead_ms`. One
/// whose sound runs all the time may not fall behind: over `lag_ms` the oldest goes, and where it always had
/// more than `first_ms` left when more came, for a second, the rest is left out where it is silent; so is
/// silence that waits where a voice comes.
class voice_queue {
 public:
  struct limits {
    bool is_continuous = false;
    int first_ms = 10;   ///< after a hole, sound waits this long for more, each time a bit longer,
    int jitter_ms = 60;  ///< at most this; 5 ms less after each ten seconds without a hole
    int lag_ms = 1'000;  ///< of a continuous one
    int ahead_ms = 120'000;  ///< of one that answers in turns
  };
  explicit voice_queue(limits l) : limits_(l), wait_ms_(std::min(l.first_ms, l.jitter_ms)) {}

  /// How many milliseconds had to go.
  std::int64_t put(std::vector<float> samples, std::string item, std::int64_t now_ms);
  /// The next `samples` of it, silence where nothing is there or due.
  std::vector<float> take(std::size_t samples, std::int64_t now_ms);
  /// Nothing more comes of this answer: what is there need not wait.
  void finish() { hold_until_ms_ = 0; }
  void clear();

  /// Of the item that sounds now, or sounded last; how much of it was taken.
  const std::string& item() const { return item_; }
  std::int64_t taken_ms() const { return static_cast<std::int64_t>(taken_) / 16; }
  std::int64_t waiting_ms() const { return static_cast<std::int64_t>(waiting_) / 16; }
  bool is_empty() const { return waiting_ == 0; }
  /// Holes in what should have been without, so far.
  std::int64_t holes() const { return holes_; }

 private:
  struct piece {
    std::string item;
    std::vector<float> samples;
    std::size_t at = 0;
  };
  std::size_t drop_front(std::size_t samples);
  bool is_silent_at_front(std::size_t samples) const;
  void begin_at_once(std::span<const float> samples);
  void catch_up(std::size_t samples);
  void look_at_surplus(std::size_t taken);

  const limits limits_;
  int wait_ms_;  ///< after a hole
  std::deque<piece> pieces_;
  std::size_t waiting_ = 0, taken_ = 0;
  std::string item_;
  std::int64_t hold_until_ms_ = 0, holes_ = 0;
  bool was_sounding_ = false;
  int even_watches_ = 0;                                      ///< without a hole
  std::size_t watched_ = 0, least_ = no_least, surplus_ = 0;  ///< samples; of a continuous voice
  static constexpr auto no_least = std::numeric_limits<std::size_t>::max();
};

}  // namespace hocket::remote
