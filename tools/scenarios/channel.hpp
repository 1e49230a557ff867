// What real places and lines do to sound: noise that does not stop, a telephone, a wrong level.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/scenarios/person_voice.hpp"
#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

enum class noise_kind : std::uint8_t { none, fan, babble, street, music, keyboard };

/// How a whole conversation is heard, on top of `acoustics`.
struct channel {
  noise_kind noise = noise_kind::none;
  double snr_db = 30;      ///< speech, while somebody speaks, over the noise
  bool telephone = false;  ///< 300 to 3400 Hz at 8 kHz, G.711 (mu-law)
  double gain_db = 0;      ///< of everything, at the end
  double clip = 1;         ///< of the loudest sample: what is beyond is cut; 1: nothing
};

/// Six in ten with noise of 4 to 25 dB, a quarter through a telephone, three in ten fainter.
channel draw_channel(random_stream& rng);

/// `samples` of it at 16 kHz with power 1. A pure function of its arguments.
/// Babble is six voices of the split who talk at once: call prepare_babble first.
std::vector<float> make_noise(noise_kind kind, std::size_t samples, std::uint64_t seed,
                              split which);

/// Lets the voices of a split speak once in the life of the process, about 2 s of computing.
/// *Threads*: any, but no person_voice may be open in this one. *Errors*: scenarios.voice.
result<void> prepare_babble(split which);

/// Mean power of the 20 ms blocks that are within 30 dB of the loudest; 0 of silence.
double speech_power(const std::vector<float>& x);

/// The telephone alone: 16 kHz in and out, in place, not delayed.
void telephone(std::vector<float>& x);

/// In place, 16 kHz. `power`: speech_power of the person alone; 0: noise as if it were -20 dBFS.
void apply(const channel& how, std::vector<float>& x, double power, std::uint64_t seed,
           split which);

}  // namespace hocket::scenarios
