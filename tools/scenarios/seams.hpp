// What is heard of a voice that is made in pieces: steps of its level, clicks. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hocket::scenarios {

/// 10 ms at 16 kHz: what levels and bends are taken over.
inline constexpr std::size_t level_block = 160;
/// dBFS below which a level says nothing about a voice.
inline constexpr double faint_db = -45;

/// dBFS of each whole block of 10 ms, from `from` on; -100 for digital silence. `samples` [n] 16 kHz.
std::vector<double> levels_db(std::span<const float> samples, std::size_t from = 0);

/// Changes of level between neighbouring blocks that both sound, dB.
struct level_steps {
  std::vector<double> border_db;  ///< across a border between two micro-turns
  std::vector<double> inside_db;  ///< all others
};
/// `first_border`: a sample at which a micro-turn begins; the others lie 200 ms apart.
level_steps level_steps_of(std::span<const float> samples, std::size_t first_border);

/// Blocks in which the wave bends six times as sharply as in the four around, as loudly as speech.
std::size_t clicks_in(std::span<const float> samples);

}  // namespace hocket::scenarios
