#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace soundtouch {
class SoundTouch;
}

namespace hocket::pace {

/// Whether anything of it can be heard: above some -50 dBFS.
bool has_voice(std::span<const float> samples);

/// A voice in another tempo at the same pitch, without clock and packets: what is put in comes out at the
/// rate at which it is taken. Slower speech grows behind what is put in; it catches up where the voice pauses.
///
/// Shape: interleaved f32 of `channels`; all counts are frames. Threads: one.
class paced_voice {
 public:
  struct limits {
    std::int64_t longest_pause;  ///< of silence that is kept while something waits
    std::int64_t most_behind;  ///< beyond it speech goes at its own tempo until half of it is left
  };

  paced_voice(std::int32_t rate_hz, std::int32_t channels, limits l);
  ~paced_voice();

  /// Of the original tempo: 0.5 to 1; holds for what is put in from now on.
  void set_pace(double pace) { pace_ = pace; }
  double pace() const { return pace_; }
  /// Whether sound would come out exactly as it goes in.
  bool is_plain() const { return pace_ >= 1 && behind() == 0 && !is_speaking_; }

  void put(std::span<const float> samples);
  /// So many frames: what waits, and silence where there is less. Silence never falls into a word.
  std::vector<float> take(std::int64_t frames);
  /// Nothing more comes: what the stretcher holds waits, too.
  void finish() {
    if (is_speaking_) end_utterance();
  }
  /// What waits is not said any more; a fade of 5 ms, then silence.
  void drop();

  std::int64_t behind() const { return static_cast<std::int64_t>(waits_.size()) / channels_; }
  /// Frames that were dropped, and put in at their own tempo for being too far behind, so far.
  std::int64_t dropped() const { return dropped_; }
  std::int64_t hurried() const { return hurried_; }

 private:
  void begin_utterance();
  void end_utterance();
  void feed(std::span<const float> samples);
  void collect();
  std::int64_t frames_of(std::size_t samples) const {
    return static_cast<std::int64_t>(samples) / channels_;
  }

  std::int32_t rate_hz_, channels_;
  limits limits_;
  std::unique_ptr<soundtouch::SoundTouch> stretch_;
  std::deque<float> waits_;
  double pace_ = 1;
  bool is_speaking_ = false;  ///< the stretcher holds a part of what is being said
  bool is_hurrying_ = false;
  std::int64_t silent_ = 0;  ///< frames since the voice was last heard
  std::int64_t dropped_ = 0, hurried_ = 0;
};

}  // namespace hocket::pace
