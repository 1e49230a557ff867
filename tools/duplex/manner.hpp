// How a model speaks, beside what it refuses: how much of it nobody asked for, and in which voice.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/audio/dmel.hpp"

namespace hocket::duplex {

/// Words and sound of several conversations, put together. A voice is the mean spectrum of what is loud, without its
/// level: the same words in another voice differ in it, the same voice with other words hardly.
struct manner {
  std::int64_t asks = 0, words = 0;
  std::int64_t frames = 0;  ///< of 50 ms, loud
  std::array<double, engine::dmel_format::channels> sum{};

  /// `sound`: [samples] 16 kHz of the model.
  void add(std::int64_t asked, std::int64_t said, std::span<const float> sound);
  double words_of_an_ask() const {
    return asks == 0 ? 0 : static_cast<double>(words) / static_cast<double>(asks);
  }
};

/// Mean difference of two spectra over the channels, in steps of dMel (12 dB); 0 where one of them never spoke.
double voice_distance(const manner& a, const manner& b);

}  // namespace hocket::duplex
