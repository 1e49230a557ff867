#include "engine/audio/vocoder.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

using format = speech_format;
constexpr std::size_t window = format::window_samples, hop = format::hop_samples;
constexpr std::size_t past = window / hop - 1;           // 3 frames reach into this micro-turn
constexpr std::size_t fresh = micro_turn_samples / hop;  // 16
constexpr std::size_t frames = past + fresh;             // 19
constexpr std::size_t open = window - hop;               // 600 samples
constexpr std::size_t length = open + micro_turn_samples + open;

float wrapped(float phase) {
  constexpr float turn = 2.0f * std::numbers::pi_v<float>;
  return phase - turn * std::round(phase / turn);
}

}  // namespace

vocoder::vocoder(vocoder_options options)
    : options_(options),
      fft_(window),
      filters_(format::channels, window, sample_rate_hz, 0.0, 8000.0),
      low_filter_(fft_.bins(), 0),
      low_weight_(fft_.bins(), 0.0f),
      high_weight_(fft_.bins(), 0.0f),
      column_sum_(fft_.bins(), 0.0f),
      window_(window),
      cover_(length, 0.0f),
      magnitude_(frames, std::vector<float>(fft_.bins())),
      phase_(frames, spectrum(fft_.bins())),
      previous_(frames, spectrum(fft_.bins())),
      running_phase_(fft_.bins()),
      sound_(length),
      sum_(length),
      frame_(window),
      scratch_(fft_.bins()) {
  for (std::size_t i = 0; i < window; ++i)
    window_[i] = static_cast<float>(
        0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * double(i) / double(window)));
  for (std::size_t f = 0; f < frames; ++f)
    for (std::size_t i = 0; i < window; ++i) cover_[f * hop + i] += window_[i] * window_[i];
  // A bin lies under two triangles at most.
  const std::vector<double> dense = filters_.dense();
  for (std::size_t b = 0; b < fft_.bins(); ++b) {
    bool found = false;
    for (std::size_t m = 0; m < format::channels; ++m) {
      const auto weight = static_cast<float>(dense[m * fft_.bins() + b]);
      if (weight <= 0) continue;
      if (!found) low_filter_[b] = std::min(m, format::channels - 2);
      (m == low_filter_[b] ? low_weight_ : high_weight_)[b] = weight;
      column_sum_[b] += weight;
      found = true;
    }
  }
  reset();
}

void vocoder::reset() {
  for (auto& m : magnitude_) std::fill(m.begin(), m.end(), 0.0f);
  for (auto& s : phase_) std::fill(s.begin(), s.end(), std::complex<float>{});
  std::fill(sound_.begin(), sound_.end(), 0.0f);
  std::fill(running_phase_.begin(), running_phase_.end(), 0.0f);
  silent_ = true;
}

// Non-negative x with filters * x = mel, by multiplicative updates from a smooth start.
void vocoder::magnitudes_of(const float* patch_frame, std::span<float> magnitude) {
  constexpr std::size_t n = format::channels;
  float mel[n], ratio[n];
  for (std::size_t m = 0; m < n; ++m)
    mel[m] = std::pow(10.0f, std::clamp(patch_frame[m] * format::scale + format::mean,
                                        format::log10_floor, 2.0f));
  const std::size_t bins = fft_.bins();
  for (std::size_t b = 0; b < bins; ++b) magnitude[b] = column_sum_[b] > 0 ? 1.0f : 0.0f;
  for (int step = 0; step < options_.nnls_steps; ++step) {
    float estimate[n] = {};
    for (std::size_t b = 0; b < bins; ++b) {
      estimate[low_filter_[b]] += low_weight_[b] * magnitude[b];
      estimate[low_filter_[b] + 1] += high_weight_[b] * magnitude[b];
    }
    for (std::size_t m = 0; m < n; ++m) ratio[m] = mel[m] / std::max(estimate[m], 1e-9f);
    for (std::size_t b = 0; b < bins; ++b) {
      if (column_sum_[b] <= 0) continue;
      const std::size_t m = low_filter_[b];
      magnitude[b] *= (low_weight_[b] * ratio[m] + high_weight_[b] * ratio[m + 1]) / column_sum_[b];
    }
  }
}

// Single-pass inversion: every peak advances by its own frequency, its neighbourhood is locked to
// it.
void vocoder::first_phases(std::size_t f) {
  const std::vector<float>& m = magnitude_[f];
  const std::size_t bins = fft_.bins();
  constexpr float pi = std::numbers::pi_v<float>;
  std::vector<float> next(bins);
  std::size_t region_from = 0;
  std::vector<std::size_t> peaks;
  for (std::size_t b = 1; b + 1 < bins; ++b)
    if (m[b] > m[b - 1] && m[b] >= m[b + 1]) peaks.push_back(b);
  for (std::size_t p = 0; p < peaks.size(); ++p) {
    const std::size_t b = peaks[p];
    const float a = m[b - 1], c = m[b + 1];
    const float bend = a - 2 * m[b] + c;
    const float offset = bend < 0 ? std::clamp(0.5f * (a - c) / bend, -0.5f, 0.5f) : 0.0f;
    const float cycles = (static_cast<float>(b) + offset) / static_cast<float>(window);
    const float phase = wrapped(running_phase_[b] + 2 * pi * cycles * static_cast<float>(hop));
    std::size_t region_to = bins;
    if (p + 1 < peaks.size()) {
      region_to = b;
      for (std::size_t i = b; i <= peaks[p + 1]; ++i)
        if (m[i] < m[region_to]) region_to = i;
    }
    // Around a peak of a Hann window the phase turns by pi from bin to bin.
    for (std::size_t i = region_from; i < region_to; ++i)
      next[i] = wrapped(phase + ((i > b ? i - b : b - i) % 2 ? pi : 0.0f));
    region_from = region_to;
  }
  running_phase_ = next;
  for (std::size_t b = 0; b < bins; ++b) phase_[f][b] = std::polar(m[b], next[b]);
}

// The signal that fits the frames best; what has sounded stays.
void vocoder::overlap_add() {
  std::fill(sum_.begin(), sum_.end(), 0.0f);
  for (std::size_t f = 0; f < frames; ++f) {
    fft_.inverse(phase_[f], frame_);
    float* to = sum_.data() + f * hop;
    for (std::size_t i = 0; i < window; ++i) to[i] += frame_[i] * window_[i];
  }
  for (std::size_t i = open; i < length; ++i) sound_[i] = sum_[i] / std::max(cover_[i], 0.1f);
}

void vocoder::iterate() {
  const float alpha = options_.momentum;
  for (int step = 0; step < options_.iterations; ++step) {
    overlap_add();
    for (std::size_t f = 0; f < frames; ++f) {
      const float* from = sound_.data() + f * hop;
      for (std::size_t i = 0; i < window; ++i) frame_[i] = from[i] * window_[i];
      fft_.forward(frame_, scratch_);
      for (std::size_t b = 0; b < scratch_.size(); ++b) {
        const std::complex<float> c = scratch_[b];
        const std::complex<float> t = step == 0 ? c : c + alpha * (c - previous_[f][b]);
        previous_[f][b] = c;
        const float size = std::sqrt(t.real() * t.real() + t.imag() * t.imag());
        phase_[f][b] = size > 1e-12f ? t * (magnitude_[f][b] / size)
                                     : std::complex<float>(magnitude_[f][b], 0.0f);
      }
    }
  }
  overlap_add();
}

void vocoder::push(std::span<const float> patches, std::span<const std::uint8_t> voice,
                   std::span<float> out) {
  HOCKET_ASSERT(patches.size() == 4 * format::patch_size && voice.size() == 4);
  HOCKET_ASSERT(out.size() == micro_turn_samples);
  const bool speaks =
      std::any_of(voice.begin(), voice.end(), [](std::uint8_t v) { return v != 0; });
  if (!speaks && silent_) {
    std::fill(out.begin(), out.end(), 0.0f);
    return;
  }
  for (std::size_t t = 0; t < fresh; ++t) {
    const std::size_t f = past + t;
    if (voice[t / format::frames_per_patch]) {
      magnitudes_of(patches.data() + t * format::channels, magnitude_[f]);
    } else {
      std::fill(magnitude_[f].begin(), magnitude_[f].end(), 0.0f);
    }
    first_phases(f);
  }
  iterate();
  std::copy_n(sound_.begin() + open, micro_turn_samples, out.begin());

  // The end of this micro-turn is the past of the next one.
  std::copy(sound_.begin() + micro_turn_samples, sound_.end(), sound_.begin());
  std::fill(sound_.begin() + 2 * open, sound_.end(), 0.0f);
  for (std::size_t f = 0; f < past; ++f) {
    magnitude_[f] = magnitude_[fresh + f];
    phase_[f] = phase_[fresh + f];
  }
  // The refined phases carry on, not the first guess.
  for (std::size_t b = 0; b < fft_.bins(); ++b) running_phase_[b] = std::arg(phase_[past - 1][b]);
  silent_ = !speaks;
  if (silent_) reset();
}

}  // namespace hocket::engine
