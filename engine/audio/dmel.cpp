#include "engine/audio/dmel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace hocket::engine {
namespace {

using format = dmel_format;

std::uint8_t level_of(float mel) {
  // Nearest of the 16 centres in double precision; the lower one on a tie, as argmin does.
  static const auto centres = [] {
    std::array<double, format::levels> c{};
    for (std::size_t i = 0; i < c.size(); ++i)
      c[i] = format::log10_low + (format::log10_high - format::log10_low) * static_cast<double>(i) /
                                     static_cast<double>(c.size() - 1);
    return c;
  }();
  const double log_mel = std::log10(std::max(static_cast<double>(mel), 1e-10));
  const double x = std::clamp(log_mel, format::log10_low, format::log10_high);
  std::size_t best = 0;
  for (std::size_t i = 1; i < centres.size(); ++i)
    if (std::abs(x - centres[i]) < std::abs(x - centres[best])) best = i;
  return static_cast<std::uint8_t>(best);
}

}  // namespace

dmel_encoder::dmel_encoder()
    : fft_(format::window_samples),
      filters_(format::channels, format::window_samples, sample_rate_hz, 0.0, 8000.0),
      window_(format::window_samples),
      ring_(format::window_samples, 0.0f),
      windowed_(format::window_samples),
      magnitude_(fft_.bins()),
      mel_(format::channels),
      spectrum_(fft_.bins()) {
  for (std::size_t i = 0; i < window_.size(); ++i)
    window_[i] = static_cast<float>(
        0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * double(i) / double(window_.size())));
}

void dmel_encoder::reset() {
  std::fill(ring_.begin(), ring_.end(), 0.0f);
  filled_ = 0;
}

std::size_t dmel_encoder::push(std::span<const float> samples, std::vector<std::uint8_t>& out) {
  std::size_t frames = 0;
  while (!samples.empty()) {
    if (filled_ == 0) std::copy(ring_.begin() + format::hop_samples, ring_.end(), ring_.begin());
    const std::size_t take = std::min(samples.size(), format::hop_samples - filled_);
    std::copy_n(samples.begin(), take,
                ring_.begin() + (ring_.size() - format::hop_samples + filled_));
    filled_ += take;
    samples = samples.subspan(take);
    if (filled_ == format::hop_samples) {
      emit(out);
      filled_ = 0;
      ++frames;
    }
  }
  return frames;
}

std::size_t dmel_encoder::flush(std::vector<std::uint8_t>& out) {
  if (filled_ == 0) return 0;
  const std::vector<float> zeros(format::hop_samples - filled_, 0.0f);
  return push(zeros, out);
}

void dmel_encoder::emit(std::vector<std::uint8_t>& out) {
  for (std::size_t i = 0; i < ring_.size(); ++i) windowed_[i] = ring_[i] * window_[i];
  fft_.forward(windowed_, spectrum_);
  for (std::size_t b = 0; b < spectrum_.size(); ++b)
    magnitude_[b] = std::sqrt(std::max(std::norm(spectrum_[b]), 1e-10f));
  filters_.apply(magnitude_, mel_);
  for (float m : mel_) out.push_back(level_of(m));
}

std::vector<std::uint8_t> dmel_of(std::span<const float> samples) {
  std::vector<std::uint8_t> out;
  out.reserve((samples.size() / format::hop_samples + 1) * format::channels);
  dmel_encoder encoder;
  encoder.push(samples, out);
  encoder.flush(out);
  return out;
}

}  // namespace hocket::engine
