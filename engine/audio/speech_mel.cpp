#include "engine/audio/speech_mel.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "engine/audio/dmel.hpp"
#include "engine/audio/fft.hpp"
#include "engine/audio/mel_filters.hpp"

namespace hocket::engine {

using format = speech_format;

std::vector<float> speech_mel_of(std::span<const float> samples) {
  real_fft fft(format::window_samples);
  const mel_filters filters(format::channels, format::window_samples, sample_rate_hz, 0.0, 8000.0);
  const std::size_t n = (samples.size() + format::hop_samples - 1) / format::hop_samples;
  std::vector<float> out(n * format::channels), windowed(fft.size()), magnitude(fft.bins());
  std::vector<std::complex<float>> spectrum(fft.bins());
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t from = i * format::hop_samples;
    for (std::size_t j = 0; j < windowed.size(); ++j) {
      const double w =
          0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * double(j) / double(fft.size()));
      windowed[j] = from + j < samples.size() ? samples[from + j] * static_cast<float>(w) : 0.0f;
    }
    fft.forward(windowed, spectrum);
    for (std::size_t b = 0; b < spectrum.size(); ++b) magnitude[b] = std::abs(spectrum[b]);
    const std::span<float> mel(out.data() + i * format::channels, format::channels);
    filters.apply(magnitude, mel);
    for (float& m : mel) m = std::max(std::log10(std::max(m, 1e-10f)), format::log10_floor);
  }
  return out;
}

std::vector<float> speech_patches_of(std::span<const float> samples) {
  std::vector<float> mel = speech_mel_of(samples);
  const std::size_t patches = (samples.size() + format::patch_samples - 1) / format::patch_samples;
  mel.resize(patches * format::patch_size, format::log10_floor);
  normalise_speech(mel);
  return mel;
}

void normalise_speech(std::span<float> log_mel) {
  for (float& x : log_mel) x = (std::max(x, format::log10_floor) - format::mean) / format::scale;
}

void denormalise_speech(std::span<float> normalised) {
  for (float& x : normalised) x = x * format::scale + format::mean;
}

}  // namespace hocket::engine
