#pragma once

#include <deque>
#include <vector>

#include "graph/contract/payload.hpp"

namespace hocket::audio_parts {

/// Which of several holds, by stream time: it changes at points that are told in any order, and can
/// be asked for again about what is past, since inputs do not come equally early.
class timed_choice {
 public:
  explicit timed_choice(int first = 0) : first_(first) {}
  void change(timestamp at, int to);
  int at(timestamp t) const;

 private:
  struct change_point {
    timestamp at;
    int to;
  };
  static constexpr std::size_t remembered = 256;
  int first_;
  std::deque<change_point> changes_;  ///< by time
};

/// Lets sound of one input through while its value is chosen, with a ramp at both ends, which begin
/// where it is chosen and where another one is.
class faded {
 public:
  /// `fade_ms` 0: cut hard. `starts_open`: no ramp at the stream's first sample. `waits`: it fades in
  /// only behind the fade of the one that was chosen before, since both go out on one stream.
  faded(int value, std::int64_t fade_ms, bool starts_open, bool waits = false)
      : value_(value), fade_ms_(fade_ms), waits_(waits), gain_(starts_open ? 1.0f : 0.0f) {}
  /// The gain of each frame of a chunk, in order of the stream; [frames].
  std::vector<float> over(const audio_chunk& chunk, const timed_choice& choice);

 private:
  int value_;
  std::int64_t fade_ms_;
  bool waits_;
  float gain_;
};

/// A chunk with a gain for each frame; without a copy where all are 1. `gains`: [frames].
audio_chunk scaled(const audio_chunk& chunk, const std::vector<float>& gains);
/// Of that what lies between the first and the last frame that is let through; empty where none is.
audio_chunk audible(const audio_chunk& chunk, const std::vector<float>& gains);

}  // namespace hocket::audio_parts
