// Slaney-scale triangular filters with Slaney area normalisation (as librosa's and transformers'
// mel).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hocket::engine {

/// A bank of triangles over the bins of a real spectrum.
/// *Source*: Slaney's Auditory Toolbox: linear below 1 kHz (200/3 Hz per mel), logarithmic above
/// (step ln(6.4)/27); each triangle is scaled by 2 / (its width in Hz).
class mel_filters {
 public:
  mel_filters(std::size_t count, std::size_t fft_size, double rate_hz, double low_hz,
              double high_hz);

  std::size_t count() const { return first_.size(); }
  std::size_t bins() const { return bins_; }

  /// Where each triangle has its top, Hz.
  static std::vector<double> centres_hz(std::size_t count, double low_hz, double high_hz);

  /// `magnitude`: [bins], `mel`: [count].
  void apply(std::span<const float> magnitude, std::span<float> mel) const;
  /// The bank as a dense row-major matrix [count, bins].
  std::vector<double> dense() const;

 private:
  std::size_t bins_;
  std::vector<std::size_t> first_;           // first bin with a weight, per filter
  std::vector<std::vector<float>> weights_;  // weights from there on, per filter
};

}  // namespace hocket::engine
