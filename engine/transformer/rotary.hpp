// Rotary position embeddings (Su et al. 2021): how far each pair of numbers turns per position.
#pragma once

#include <cstdint>
#include <vector>

namespace hocket::engine {

/// Where the positions of a sequence lie: each at itself, or in a pattern of `offsets` that repeats
/// every `advance`, so that several positions can share one place.
struct position_pattern {
  std::vector<int> offsets;
  int advance = 1;

  std::int64_t at(std::int64_t position) const {
    if (offsets.empty()) return position;
    const auto period = static_cast<std::int64_t>(offsets.size());
    return position / period * advance + offsets[position % period];
  }
};

/// Pair i turns by frequency[i] radians per position. The pairs lie in the numbers from `first` of
/// a head on: number i with i + pairs, or (`adjacent`) 2i with 2i + 1.
struct rotary_config {
  std::vector<double> frequency;
  int first = 0;
  bool adjacent = false;
  double gain = 1;  ///< of the rotated numbers
  position_pattern positions;
};

/// The usual frequencies base^(-i / (dims / 2)).
std::vector<double> rotary_frequencies(double base, int dims);

/// Llama 3.1: frequencies whose wave is longer than original / low_factor are divided by `factor`,
/// those shorter than original / high_factor stay, between them both are mixed.
struct llama_scaling {
  double factor = 8, low_factor = 1, high_factor = 4, original = 8192;
};
void scale_frequencies(std::vector<double>& frequency, const llama_scaling& scaling);

/// YaRN (Peng et al. 2023): pairs that turn less than `slow` times within `original` positions are
/// divided by `factor`, those that turn more than `fast` times stay, a ramp between them.
struct yarn_scaling {
  double factor = 1, original = 4096, fast = 32, slow = 1;
  bool whole = true;  ///< the ramp begins and ends at whole pairs
};
void scale_frequencies(std::vector<double>& frequency, double base, const yarn_scaling& scaling);
/// YaRN's gain of attention for a stretch by `factor`: 0.1 m ln(factor) + 1.
double yarn_gain(double factor, double m = 1);

}  // namespace hocket::engine
