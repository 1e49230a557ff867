#include "actors/gateway/detector.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::gateway {

std::vector<speech_detector::mark> speech_detector::hear(std::span<const float> samples) {
  std::vector<mark> out;
  for (const float s : samples) {
    sum_ += std::isfinite(s) ? static_cast<double>(s) * s : 0;
    if (++in_frame_ < frame_samples_) continue;
    const auto found = frame(std::sqrt(sum_ / frame_samples_));
    sum_ = 0;
    in_frame_ = 0;
    if (found) out.push_back(*found);
  }
  return out;
}

std::optional<speech_detector::mark> speech_detector::frame(double rms) {
  // Whoever speaks from the first moment on is not taken for the noise of the room.
  if (++frames_ == 1) noise_ = std::min(rms, 0.01);
  // At 0.5: 12 dB over the noise, and no less than -46 dB of full scale (a quiet voice is at -35).
  const double over = std::pow(10.0, settings_.threshold * 1.2);
  const double least = 0.02 * settings_.threshold * settings_.threshold;
  const bool loud = rms > std::max(noise_ * over, least);
  if (!loud || !speaking_) {
    // Falls at once to a quieter room, rises over a second, and hardly while somebody may be speaking.
    const double rate = rms < noise_ ? 0.3 : loud ? 0.002 : 0.02;
    noise_ = std::max(noise_ + rate * (rms - noise_), 1e-5);
  }
  // Speech has gaps; what stays loud without one is the noise of a new room.
  recent_.push_back(rms);
  if (recent_.size() > gap_frames) {
    recent_.pop_front();
    noise_ = std::max(noise_, 0.8 * *std::min_element(recent_.begin(), recent_.end()));
  }
  loud_ms_ = loud ? loud_ms_ + frame_ms : 0;
  quiet_ms_ = loud ? 0 : quiet_ms_ + frame_ms;
  const auto now_ms = heard_ms();
  if (!speaking_ && loud_ms_ >= settings_.attack_ms) {
    speaking_ = true;
    return mark{true, std::max(last_end_ms_, now_ms - loud_ms_ - settings_.prefix_ms)};
  }
  if (speaking_ && quiet_ms_ >= settings_.silence_ms) {
    speaking_ = false;
    last_end_ms_ = now_ms;
    return mark{false, now_ms};
  }
  return std::nullopt;
}

void speech_detector::reset() {
  speaking_ = false;
  loud_ms_ = quiet_ms_ = 0;
  last_end_ms_ = heard_ms();
}

}  // namespace hocket::gateway
