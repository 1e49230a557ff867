#include "tools/scenarios/seams.hpp"

#include <algorithm>
#include <cmath>

#include "engine/audio/dmel.hpp"

namespace hocket::scenarios {
namespace {

constexpr std::size_t blocks_per_turn = engine::micro_turn_samples / level_block;

/// The sharpest bend of the wave in each block.
std::vector<double> bends(std::span<const float> x) {
  std::vector<double> out;
  for (std::size_t at = 0; at + level_block <= x.size(); at += level_block) {
    double most = 0;
    for (std::size_t i = std::max<std::size_t>(at, 1);
         i + 1 < std::min(at + level_block + 1, x.size()); ++i)
      most = std::max(most, std::abs(double(x[i - 1]) - 2 * double(x[i]) + double(x[i + 1])));
    out.push_back(most);
  }
  return out;
}

}  // namespace

std::vector<double> levels_db(std::span<const float> samples, std::size_t from) {
  std::vector<double> out;
  for (std::size_t at = from; at + level_block <= samples.size(); at += level_block) {
    double power = 1e-10;
    for (std::size_t i = at; i < at + level_block; ++i)
      power += double(samples[i]) * double(samples[i]) / level_block;
    out.push_back(10 * std::log10(power));
  }
  return out;
}

level_steps level_steps_of(std::span<const float> samples, std::size_t first_border) {
  const auto from = first_border % level_block;
  const auto border = first_border % engine::micro_turn_samples / level_block;
  const auto levels = levels_db(samples, from);
  level_steps out;
  for (std::size_t i = 1; i < levels.size(); ++i)
    if (std::min(levels[i], levels[i - 1]) >= faint_db)
      (i % blocks_per_turn == border ? out.border_db : out.inside_db)
          .push_back(std::abs(levels[i] - levels[i - 1]));
  return out;
}

std::size_t clicks_in(std::span<const float> samples) {
  const auto bend = bends(samples);
  std::size_t found = 0;
  for (std::size_t i = 2; i + 2 < bend.size(); ++i) {
    const double around = std::max({bend[i - 2], bend[i - 1], bend[i + 1], bend[i + 2]});
    found += bend[i] > 0.05 && bend[i] > 6 * around;
  }
  return found;
}

}  // namespace hocket::scenarios
