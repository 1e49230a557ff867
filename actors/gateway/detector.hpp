#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace hocket::gateway {

/// Finds where a person speaks, by energy over the noise that was there before. Clients insist on
/// these marks; the model needs none and never waits for them.
class speech_detector {
 public:
  struct settings {
    double threshold = 0.5;  ///< 0 hears everything as speech, 1 almost nothing
    int prefix_ms = 300;     ///< how much before the first loud frame belongs to it
    int silence_ms = 500;    ///< quiet this long ends it
    int attack_ms = 60;      ///< loud this long begins it: a click is no speech
  };
  struct mark {
    bool is_start = false;
    std::int64_t at_ms = 0;  ///< on the clock of the sound, prefix included; never before 0
  };

  explicit speech_detector(int rate_hz) : frame_samples_(rate_hz * frame_ms / 1000) {}

  void set(const settings& s) { settings_ = s; }
  /// `samples` in [-1, 1], in pieces of any size.
  std::vector<mark> hear(std::span<const float> samples);
  /// Forgets what was begun, not the time.
  void reset();

  bool is_speaking() const { return speaking_; }
  std::int64_t heard_ms() const { return frames_ * frame_ms; }

 private:
  static constexpr int frame_ms = 20;
  static constexpr std::size_t gap_frames = 75;  ///< nobody speaks 1.5 s without one

  std::optional<mark> frame(double rms);

  settings settings_;
  const int frame_samples_;
  double sum_ = 0;
  int in_frame_ = 0;
  std::int64_t frames_ = 0;
  double noise_ = 1e-3;
  std::deque<double> recent_;
  bool speaking_ = false;
  int loud_ms_ = 0, quiet_ms_ = 0;
  std::int64_t last_end_ms_ = 0;
};

}  // namespace hocket::gateway
