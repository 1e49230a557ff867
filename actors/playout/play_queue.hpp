#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "graph/core/ids.hpp"

namespace hocket::playout {

/// What happened to samples, each counted once: put = played + late + overlapped + too_far +
/// flushed + still queued.
struct play_counts {
  std::int64_t put = 0;
  std::int64_t played = 0;
  std::int64_t late = 0;        ///< their time had passed
  std::int64_t overlapped = 0;  ///< something was already there
  std::int64_t too_far = 0;     ///< further ahead than the queue reaches
  std::int64_t flushed = 0;     ///< an interruption silenced them
  std::int64_t gap = 0;         ///< rendered silence between the first and the last played sample
};

/// A jitter buffer on the clock's time axis: samples are put at their index and taken out in order;
/// where nothing was put there is silence, and what comes late is dropped, never shifted.
///
/// `interrupt` silences everything queued but a fade of a few milliseconds, so that it does not
/// click. Threads: one at a time. Memory: at most `reach` samples.
class play_queue {
 public:
  play_queue(std::int64_t start, std::int64_t reach, std::int64_t fade)
      : playhead_(start), reach_(reach), fade_(fade) {}

  /// Puts mono samples at index `first`. Of an older epoch: counted as flushed; a newer one
  /// interrupts first.
  void put(std::int64_t first, std::span<const float> samples, epoch_number epoch);
  /// The next n samples; the playhead moves on.
  std::vector<float> render(std::int64_t n);
  /// Drops what is queued for earlier epochs. Repeating it does nothing.
  void interrupt(epoch_number epoch);

  std::int64_t playhead() const { return playhead_; }
  std::int64_t queued() const;
  /// Index behind the last queued sample; the playhead where none is queued.
  std::int64_t queued_to() const;
  epoch_number epoch() const { return epoch_; }
  const play_counts& counts() const { return counts_; }

 private:
  void insert(std::int64_t first, std::span<const float> samples);

  std::int64_t playhead_;
  std::int64_t reach_;
  std::int64_t fade_;
  epoch_number epoch_ = 0;
  std::map<std::int64_t, std::vector<float>> segments_;  ///< by first index; never overlap
  play_counts counts_;
  std::int64_t silence_run_ = 0;  ///< rendered since the last played sample
};

}  // namespace hocket::playout
