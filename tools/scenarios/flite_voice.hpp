// Speech by flite's voices with the times of its words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hocket::scenarios {

/// Speech as flite made it, 16 kHz, with the silence at its ends.
struct flite_speech {
  struct word_time {
    double start_s = 0, end_s = 0;
  };
  std::vector<float> samples;
  std::vector<word_time> words;  ///< in the order of the text, from flite's segments
};

/// A voice of flite: slt (the model's own), awb, kal16, rms. `stretch` is the length of every sound
/// over its usual one; `pitch` multiplies the usual pitch.
/// Empty when there is no such voice. *Threads*: any; flite is used by one at a time.
flite_speech flite_say(const std::string& voice, const std::string& text, double stretch = 1,
                       double pitch = 1);

}  // namespace hocket::scenarios
