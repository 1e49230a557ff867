#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace hocket::gateway::webrtc {

/// What is to be said, on its way to a track that wants a block every 20 ms. The voice comes in micro-turns,
/// unevenly; it begins a moment late, so that one that is a little late leaves no hole, and later where
/// holes came. What waits longer than that is caught up where it is silent. Times are counts of samples.
///
/// Threads: none of its own; whoever uses it locks.
class voice_queue {
 public:
  struct limits {
    int rate_hz = 16'000;
    int margin_ms = 40;        ///< from a voice's first sample to its leaving
    int most_margin_ms = 160;  ///< where holes came
    int lag_ms = 260;          ///< more than this behind is caught up: a micro-turn and some
    int most_ms = 5'000;       ///< what may wait
  };
  explicit voice_queue(limits l);

  /// How many samples had to go, the oldest, where too much waits.
  std::size_t put(std::span<const float> samples);
  /// The next block, [block()]; silence where there is nothing.
  std::vector<float> take();
  /// Nothing of what waits is said. How much it was.
  std::size_t flush();

  std::size_t block() const { return samples_of(20); }
  std::size_t waiting() const { return waiting_.size(); }
  /// Samples that were put and wait no more: said, caught up or flushed.
  std::uint64_t left() const { return left_; }
  /// Samples that were put and are not said: too much, or flushed.
  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t holes() const { return holes_; }

 private:
  std::size_t samples_of(int ms) const {
    return static_cast<std::size_t>(limits_.rate_hz) * static_cast<std::size_t>(ms) / 1000;
  }
  void leave(std::size_t n);

  const limits limits_;
  std::deque<float> waiting_;
  std::size_t margin_;     ///< samples
  std::size_t held_ = 0;   ///< blocks of silence before the voice begins
  std::size_t empty_ = 0;  ///< blocks since the queue ran dry
  bool runs_ = false;      ///< the last block was of what was put
  bool was_loud_ = false;  ///< and it was not silent: where nothing follows, that is a hole
  std::uint64_t left_ = 0, dropped_ = 0, holes_ = 0;
};

}  // namespace hocket::gateway::webrtc
