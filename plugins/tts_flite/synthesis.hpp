#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hocket::tts_flite {

/// Speech as flite makes it: 16 kHz, with the silence at its ends.
struct synthesis {
  struct word {
    std::string name;  ///< as flite reads it
    double begin_s = 0, end_s = 0;
  };
  std::vector<float> samples;
  std::vector<word> words;  ///< in the order of the text, from flite's segments
};

enum class synthesis_end : std::uint8_t { fine, no_voice, failed };

/// Says `text` with a 16 kHz voice of flite: slt, rms, awb, kal16. `stretch` is the length of every
/// sound over its usual one, `pitch` multiplies the usual pitch.
///
/// All use of flite in a process goes through here: its voices keep their settings, and its breath
/// comes from rand(). Both are set anew each time, so what is said is a pure function of the
/// arguments (other users of rand() notice). *Threads*: any; one at a time.
synthesis_end synthesise(const std::string& voice, const std::string& text, double stretch,
                         double pitch, synthesis& into);

}  // namespace hocket::tts_flite
