// What happens to sound between people and the model's ear: a room, noise, echo, a bad line.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

/// How the person's side is heard.
struct acoustics {
  double wet_db = -100;     ///< reverberation relative to the direct sound; under -60: no room
  double rt60_s = 0.3;      ///< time in which it falls by 60 dB
  double noise_dbfs = -60;  ///< -infinity for digital silence
  double noise_tilt = 0;    ///< 0 white to 0.98 rumbling: n[t] += tilt n[t-1], level kept
  double echo_db = -100;    ///< of the model's own sound in the microphone; under -60: none
  std::int64_t echo_delay = 800;  ///< samples
  double loss = 0;                ///< share of 20 ms packets that are lost, in bursts
  double burst_packets = 3;       ///< mean length of a burst
};

/// Draws a way of being heard: half of them clean but for noise.
acoustics draw_acoustics(random_stream& rng);

/// 16 kHz, in place. `own` is the model's sound as it is heard, at least as long.
/// *Source*: reverberation by Schroeder 1962 (four combs, two all-passes); loss by Gilbert's
/// two-state chain (1960).
void apply(const acoustics& how, std::span<float> person, std::span<const float> own,
           std::uint64_t seed);

}  // namespace hocket::scenarios
