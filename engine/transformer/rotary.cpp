#include "engine/transformer/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hocket::engine {

std::vector<double> rotary_frequencies(double base, int dims) {
  const int pairs = dims / 2;
  std::vector<double> frequency;
  for (int i = 0; i < pairs; ++i)
    frequency.push_back(std::pow(base, -static_cast<double>(i) / pairs));
  return frequency;
}

void scale_frequencies(std::vector<double>& frequency, const llama_scaling& s) {
  for (double& f : frequency) {
    const double wave = 2 * std::numbers::pi / f;
    if (wave > s.original / s.low_factor) {
      f /= s.factor;
    } else if (wave >= s.original / s.high_factor) {
      const double mix = (s.original / wave - s.low_factor) / (s.high_factor - s.low_factor);
      f = (1 - mix) * f / s.factor + mix * f;
    }
  }
}

void scale_frequencies(std::vector<double>& frequency, double base, const yarn_scaling& s) {
  const auto dims = static_cast<double>(2 * frequency.size());
  const auto pair_that_turns = [&](double times) {
    return dims * std::log(s.original / (times * 2 * std::numbers::pi)) / (2 * std::log(base));
  };
  double low = pair_that_turns(s.fast), high = pair_that_turns(s.slow);
  if (s.whole) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, dims - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequency.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequency[i] = frequency[i] / s.factor * ramp + frequency[i] * (1 - ramp);
  }
}

double yarn_gain(double factor, double m) {
  return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

}  // namespace hocket::engine
