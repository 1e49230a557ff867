#include "tools/duplex/manner.hpp"

#include <cmath>
#include <numeric>
#include <vector>

namespace hocket::duplex {
namespace {

/// A frame is loud from this mean step on: of 0 to 15, silence is below.
constexpr double loud = 5.0;

/// All is compared as if spoken this loud: in steps of a logarithm that end at silence, a quiet voice has another shape.
constexpr double level_rms = 0.1;

constexpr auto channels = engine::dmel_format::channels;

std::array<double, channels> shape_of(const manner& m) {
  auto out = m.sum;
  for (auto& v : out) v /= static_cast<double>(m.frames);
  const double level =
      std::accumulate(out.begin(), out.end(), 0.0) / static_cast<double>(out.size());
  for (auto& v : out) v -= level;
  return out;
}

}  // namespace

void manner::add(std::int64_t asked, std::int64_t said, std::span<const float> sound) {
  asks += asked;
  words += said;
  double square = 0;
  std::int64_t heard = 0;  // pauses do not count
  for (const float x : sound)
    if (std::fabs(x) > 1e-3f) square += static_cast<double>(x) * static_cast<double>(x), ++heard;
  if (heard == 0) return;
  const auto gain = static_cast<float>(level_rms / std::sqrt(square / static_cast<double>(heard)));
  std::vector<float> level(sound.begin(), sound.end());
  for (auto& x : level) x *= gain;
  const auto bins = engine::dmel_of(level);
  for (std::size_t at = 0; at + channels <= bins.size(); at += channels) {
    const auto frame = std::span(bins).subspan(at, channels);
    if (std::accumulate(frame.begin(), frame.end(), 0.0) < loud * static_cast<double>(frame.size()))
      continue;
    ++frames;
    for (std::size_t c = 0; c < frame.size(); ++c) sum[c] += frame[c];
  }
}

double voice_distance(const manner& a, const manner& b) {
  if (a.frames == 0 || b.frames == 0) return 0;
  const auto p = shape_of(a), q = shape_of(b);
  double all = 0;
  for (std::size_t c = 0; c < p.size(); ++c) all += std::fabs(p[c] - q[c]);
  return all / static_cast<double>(p.size());
}

}  // namespace hocket::duplex
