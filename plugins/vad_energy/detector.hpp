#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace hocket::vad_energy {

constexpr std::int32_t rate_hz = 16000;
constexpr std::int64_t frame_samples = 160;  ///< 10 ms

/// What counts as speech of the person near the microphone. Times in milliseconds.
struct detector_options {
  double min_level_dbfs = -37;  ///< quieter than this is somebody far, whatever the room
  double margin_db = 9;         ///< over the noise of the last seconds
  double near_db = 15;          ///< quieter than the person so far by more than this: somebody far
  std::int64_t onset_ms = 50;
  std::int64_t barge_in_ms = 150;
  std::int64_t endpoint_ms = 500;
  std::int64_t pre_ms = 200;
  std::int64_t post_ms = 200;
  std::int64_t max_ms = 15000;
};

/// Something that the detector noticed, at a sample of the stream.
struct detection {
  enum class kind { speech_begin, barge_in, speech_end } what = kind::speech_begin;
  std::int64_t at = 0;
  /// With speech_end: the utterance with its margins, from sample `first` on.
  std::int64_t first = 0;
  std::vector<float> samples = {};
};

/// Finds utterances by their energy: 10 ms frames, a threshold that follows the noise and the
/// level of the person so far, and a delay after which silence ends an utterance.
///
/// A pure function of the samples, whatever their chunking. Memory: `max_ms` of sound.
class detector {
 public:
  explicit detector(detector_options options, std::int64_t first = 0);
  /// The next samples of the stream.
  std::vector<detection> push(std::span<const float> samples);
  /// The stream ended: an utterance that is under way ends with it.
  std::vector<detection> finish();
  std::int64_t next() const { return next_; }  ///< index of the next sample

 private:
  void frame(std::span<const float> samples, std::vector<detection>& out);
  void frame_in_speech(double level, std::int64_t end, std::vector<detection>& out);
  double threshold() const;
  void note_noise(double level);
  void end_speech(std::int64_t reach, std::vector<detection>& out);

  detector_options options_;
  std::int64_t next_;
  std::vector<float> held_;       ///< sound since held_first_: of the utterance, or before one
  std::int64_t held_first_;       ///< sample of held_[0]
  std::size_t judged_ = 0;        ///< of held_
  std::deque<double> smoothing_;  ///< powers of the last frames
  std::deque<double> quiet_;      ///< lowest level of each of the last 100 ms
  std::int64_t frames_ = 0;       ///< so far
  double person_dbfs_ = -1000;    ///< level of the person so far, forgotten slowly
  bool speaking_ = false;
  std::int64_t run_ = 0;     ///< samples over the threshold in a row, before an utterance
  std::int64_t voiced_ = 0;  ///< samples over the threshold in this utterance
  std::int64_t begin_ = 0;   ///< first sample over the threshold
  std::int64_t last_ = 0;    ///< behind the last sample over the threshold
  bool barged_ = false;
};

}  // namespace hocket::vad_energy
