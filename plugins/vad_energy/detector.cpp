#include "plugins/vad_energy/detector.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::vad_energy {
namespace {

constexpr std::int64_t per_ms = rate_hz / 1000;
constexpr std::size_t smoothed_frames = 3;      // 30 ms: a glottal pulse does not decide
constexpr std::int64_t quiet_step = 10;         // frames over which one lowest level is kept
constexpr std::size_t quiet_steps = 30;         // 3 s: an utterance without a dip is shorter
constexpr double room_before_known_dbfs = -50;  // for the first half second
constexpr double hysteresis_db = 3;
constexpr double forget_db_per_frame = 0.01;  // 1 dB/s

// Of one frame, without its mean: a microphone's offset is no sound.
double power_of(std::span<const float> samples) {
  double sum = 0, squares = 0;
  for (const float s : samples) {
    sum += s;
    squares += static_cast<double>(s) * s;
  }
  const auto n = static_cast<double>(samples.size());
  return std::max(0.0, squares / n - (sum / n) * (sum / n));
}

}  // namespace

detector::detector(detector_options options, std::int64_t first)
    : options_(options), next_(first), held_first_(first) {}

std::vector<detection> detector::push(std::span<const float> samples) {
  std::vector<detection> out;
  held_.insert(held_.end(), samples.begin(), samples.end());
  next_ += static_cast<std::int64_t>(samples.size());
  while (held_.size() - judged_ >= static_cast<std::size_t>(frame_samples)) {
    judged_ += static_cast<std::size_t>(frame_samples);
    // A frame that ends an utterance also cuts held_.
    frame(std::span(held_).subspan(judged_ - static_cast<std::size_t>(frame_samples),
                                   static_cast<std::size_t>(frame_samples)),
          out);
  }
  return out;
}

double detector::threshold() const {
  double noise = quiet_.empty() ? room_before_known_dbfs : *std::ranges::min_element(quiet_);
  if (frames_ < 50) noise = std::min(noise, room_before_known_dbfs);
  return std::max(
      {options_.min_level_dbfs, noise + options_.margin_db, person_dbfs_ - options_.near_db});
}

void detector::note_noise(double level) {
  if (frames_ % quiet_step == 0) quiet_.push_back(level);
  quiet_.back() = std::min(quiet_.back(), level);
  if (quiet_.size() > quiet_steps) quiet_.pop_front();
  ++frames_;
}

void detector::frame(std::span<const float> samples, std::vector<detection>& out) {
  smoothing_.push_back(power_of(samples));
  if (smoothing_.size() > smoothed_frames) smoothing_.pop_front();
  double power = 0;
  for (const double p : smoothing_) power += p / static_cast<double>(smoothing_.size());
  const double level = 10 * std::log10(power + 1e-10);
  const std::int64_t end = held_first_ + static_cast<std::int64_t>(judged_);
  note_noise(level);
  person_dbfs_ -= forget_db_per_frame;
  if (speaking_) return frame_in_speech(level, end, out);
  run_ = level > threshold() ? run_ + frame_samples : 0;
  if (run_ >= options_.onset_ms * per_ms) {
    speaking_ = true;
    barged_ = false;
    begin_ = end - run_;
    voiced_ = run_ - frame_samples;
    run_ = 0;
    out.push_back({detection::kind::speech_begin, begin_});
    return frame_in_speech(level, end, out);
  }
  const auto keep = options_.pre_ms * per_ms + run_;
  if (const auto surplus = static_cast<std::int64_t>(judged_) - keep; surplus > rate_hz) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(surplus));
    held_first_ += surplus;
    judged_ -= static_cast<std::size_t>(surplus);
  }
}

void detector::frame_in_speech(double level, std::int64_t end, std::vector<detection>& out) {
  if (level > threshold() - hysteresis_db) {
    last_ = end;
    voiced_ += frame_samples;
    person_dbfs_ = std::max(person_dbfs_, level);
  }
  if (!barged_ && voiced_ >= options_.barge_in_ms * per_ms) {
    barged_ = true;
    out.push_back({detection::kind::barge_in, end});
  }
  if (end - last_ >= options_.endpoint_ms * per_ms || end - begin_ >= options_.max_ms * per_ms)
    end_speech(end, out);
}

void detector::end_speech(std::int64_t reach, std::vector<detection>& out) {
  const auto first = std::max(begin_ - options_.pre_ms * per_ms, held_first_);
  const auto to = std::min(last_ + options_.post_ms * per_ms, reach);
  const auto from = held_.begin() + static_cast<std::ptrdiff_t>(first - held_first_);
  out.push_back({detection::kind::speech_end, last_, first, {from, from + (to - first)}});
  speaking_ = false;
  // What was handed over never comes again, not even as the beginning of the next utterance.
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(to - held_first_));
  judged_ -= static_cast<std::size_t>(to - held_first_);
  held_first_ = to;
}

std::vector<detection> detector::finish() {
  std::vector<detection> out;
  if (speaking_) end_speech(held_first_ + static_cast<std::int64_t>(judged_), out);
  return out;
}

}  // namespace hocket::vad_energy
