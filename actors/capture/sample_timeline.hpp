#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hocket::capture {

/// Turns buffers of any length into chunks on the grid of chunk length, with times from the sample
/// index.
///
/// A buffer whose own index lies further from the count than `tolerance` moves the timeline: ahead
/// is a gap (the next chunk begins later; nothing is stretched), back is dropped.
/// Threads: one at a time. Memory: what was put and not taken.
class sample_timeline {
 public:
  struct chunk {
    std::int64_t first = 0;
    std::vector<float> samples;
    std::int64_t end() const { return first + static_cast<std::int64_t>(samples.size()); }
  };
  sample_timeline(std::int64_t chunk_samples, std::int64_t tolerance)
      : chunk_(chunk_samples), tolerance_(tolerance) {}

  /// Without an index: follows what came before.
  void put(std::optional<std::int64_t> index, std::span<const float> samples);
  /// The next whole chunk; with `partial` also a shorter one, as it stands before a gap or the end.
  std::optional<chunk> take(bool partial = false);
  /// End of the next whole chunk that take() would give.
  std::optional<std::int64_t> next_end() const;

  std::int64_t end() const { return end_; }  ///< index behind the last sample put
  bool started() const { return started_; }
  std::int64_t gap_samples() const { return gap_samples_; }
  std::int64_t gaps() const { return gaps_; }
  std::int64_t dropped_samples() const { return dropped_samples_; }

 private:
  struct run {  // contiguous samples; a gap begins a new one
    std::int64_t first = 0;
    std::vector<float> samples;
  };
  std::int64_t chunk_;
  std::int64_t tolerance_;
  bool started_ = false;
  std::int64_t end_ = 0;
  std::vector<run> runs_;
  std::int64_t gap_samples_ = 0;
  std::int64_t gaps_ = 0;
  std::int64_t dropped_samples_ = 0;
};

}  // namespace hocket::capture
