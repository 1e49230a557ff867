#include "engine/audio/mel_filters.hpp"

#include <algorithm>
#include <cmath>

#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

constexpr double hz_per_mel = 200.0 / 3.0;
constexpr double log_from_hz = 1000.0;
constexpr double log_from_mel = log_from_hz / hz_per_mel;
const double log_step = std::log(6.4) / 27.0;

double mel_of_hz(double hz) {
  return hz < log_from_hz ? hz / hz_per_mel : log_from_mel + std::log(hz / log_from_hz) / log_step;
}

double hz_of_mel(double mel) {
  return mel < log_from_mel ? mel * hz_per_mel
                            : log_from_hz * std::exp(log_step * (mel - log_from_mel));
}

/// The triangles' corners, each the top of the one before it.
std::vector<double> corners_hz(std::size_t count, double low_hz, double high_hz) {
  std::vector<double> edge(count + 2);
  const double low = mel_of_hz(low_hz), high = mel_of_hz(high_hz);
  for (std::size_t i = 0; i < edge.size(); ++i)
    edge[i] =
        hz_of_mel(low + (high - low) * static_cast<double>(i) / static_cast<double>(count + 1));
  return edge;
}

}  // namespace

std::vector<double> mel_filters::centres_hz(std::size_t count, double low_hz, double high_hz) {
  std::vector<double> edge = corners_hz(count, low_hz, high_hz);
  return {edge.begin() + 1, edge.end() - 1};
}

mel_filters::mel_filters(std::size_t count, std::size_t fft_size, double rate_hz, double low_hz,
                         double high_hz)
    : bins_(fft_size / 2 + 1), first_(count), weights_(count) {
  const std::vector<double> edge = corners_hz(count, low_hz, high_hz);
  for (std::size_t m = 0; m < count; ++m) {
    const double left = edge[m], centre = edge[m + 1], right = edge[m + 2];
    const double area = 2.0 / (right - left);
    bool begun = false;
    for (std::size_t b = 0; b < bins_; ++b) {
      const double hz = rate_hz * static_cast<double>(b) / static_cast<double>(fft_size);
      const double rise = (hz - left) / (centre - left), fall = (right - hz) / (right - centre);
      const double weight = std::max(0.0, std::min(rise, fall)) * area;
      if (weight <= 0.0) continue;
      if (!begun) first_[m] = b;
      begun = true;
      weights_[m].resize(b - first_[m] + 1);
      weights_[m].back() = static_cast<float>(weight);
    }
  }
}

void mel_filters::apply(std::span<const float> magnitude, std::span<float> mel) const {
  HOCKET_ASSERT(magnitude.size() == bins_ && mel.size() == count());
  for (std::size_t m = 0; m < count(); ++m) {
    double sum = 0;
    const float* from = magnitude.data() + first_[m];
    for (std::size_t i = 0; i < weights_[m].size(); ++i)
      sum += static_cast<double>(weights_[m][i]) * static_cast<double>(from[i]);
    mel[m] = static_cast<float>(sum);
  }
}

std::vector<double> mel_filters::dense() const {
  std::vector<double> out(count() * bins_, 0.0);
  for (std::size_t m = 0; m < count(); ++m)
    for (std::size_t i = 0; i < weights_[m].size(); ++i)
      out[m * bins_ + first_[m] + i] = weights_[m][i];
  return out;
}

}  // namespace hocket::engine
