// dMel: the causal, training-free discretisation of sound that the interaction model hears.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/audio/fft.hpp"
#include "engine/audio/mel_filters.hpp"

namespace hocket::engine {

inline constexpr int sample_rate_hz = 16000;
inline constexpr std::size_t micro_turn_samples = 3200;  ///< 200 ms

/// The published constants, in one place.
struct dmel_format {
  static constexpr std::size_t hop_samples = 800;      ///< 50 ms
  static constexpr std::size_t window_samples = 1600;  ///< 100 ms, periodic Hann, also the FFT size
  static constexpr std::size_t channels = 80;          ///< Slaney mel, 0..8000 Hz
  static constexpr std::size_t levels = 16;            ///< nearest centre of linspace(-7, 2, 16)
  static constexpr double log10_low = -7.0;
  static constexpr double log10_high = 2.0;
};

/// Turns samples into dMel frames as they arrive; frame i ends with sample (i + 1) * 800 - 1 and
/// uses the 1600 samples before that, zeros before the beginning: no look-ahead.
///
/// *Inputs*: 16 kHz mono f32, any chunking. *Outputs*: frames [n, 80] u8, 0..15, appended.
/// The result does not depend on the chunking (bit-identical). *Threads*: one instance per stream.
/// *Latency*: none beyond the 50 ms hop; about 20 us per frame on one core.
/// *Source*: feature extractor of Inkling in transformers (Apache-2.0), after Bai et al.,
/// arXiv 2407.15835: magnitude (re^2 + im^2 clamped at 1e-10 before the root), log10 of max(mel,
/// 1e-10).
class dmel_encoder {
 public:
  dmel_encoder();

  /// Returns the number of frames appended to `out`.
  std::size_t push(std::span<const float> samples, std::vector<std::uint8_t>& out);
  /// Pads what is left with zeros to a whole hop; at most one frame.
  std::size_t flush(std::vector<std::uint8_t>& out);
  void reset();

 private:
  void emit(std::vector<std::uint8_t>& out);

  real_fft fft_;
  mel_filters filters_;
  std::vector<float> window_;  // [1600]
  std::vector<float> ring_;    // [1600], the newest samples last
  std::size_t filled_ = 0;     // new samples in the last hop
  std::vector<float> windowed_, magnitude_, mel_;
  std::vector<std::complex<float>> spectrum_;
};

/// The whole signal at once, padded on the right to a whole hop: [ceil(n / 800), 80].
std::vector<std::uint8_t> dmel_of(std::span<const float> samples);

}  // namespace hocket::engine
