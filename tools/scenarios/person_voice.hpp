// What people say: libespeak-ng and flite with word times.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::scenarios {

enum class split { train, heldout };

/// A band of the spectrum that is louder or fainter than the synthesiser made it.
struct spectral_peak {
  double hz = 1000, gain_db = 0;  ///< one octave wide
  bool operator==(const spectral_peak&) const = default;
};

/// One way of speaking.
struct person {
  std::string voice;  ///< espeak-ng voice, such as `en-us+f2`, or `flite:awb`
  int rate_wpm = 160;
  int pitch = 50;      ///< 0..100; flite's voices go beyond: 0.85 + 0.003 pitch times their own
  double gain_db = 0;  ///< relative to speech at -20 dBFS rms
  double warp = 1.0;   ///< plays the voice faster and higher by this factor: another vocal tract
  double tilt = 0.0;   ///< y[n] = x[n] + tilt x[n-1], level kept: another microphone
  std::array<spectral_peak, 2> peaks{};  ///< another mouth and nose
};

/// Voices of a split. Variants (the part after `+`) are never shared between the splits, whatever
/// the accent.
const std::vector<std::string>& voices_of(split which);
/// The same of flite, as `flite:<name>`. slt is the model's own voice: as a person she is heard in
/// training only, and always with a `warp` that makes her somebody else (see draw_person).
const std::vector<std::string>& flite_voices_of(split which);

/// Rates that training with rich sound never uses, so that a test may be sure to be new.
inline bool heldout_rate(int rate_wpm) { return rate_wpm % 5 == 0; }

/// A word in an utterance; samples of the utterance at its own rate.
struct spoken_word {
  std::string word;
  std::int64_t start = 0, end = 0;
};

/// Speech as the synthesiser made it, silence at both ends cut off, speech at -20 dBFS rms.
struct utterance {
  double rate_hz = 22050;
  std::vector<float> samples;
  std::vector<spoken_word> words;
  double seconds() const { return static_cast<double>(samples.size()) / rate_hz; }
};

/// As a synthesiser gives it.
struct raw_speech {
  std::vector<float> samples;
  std::vector<std::int64_t> word_starts;
  double rate_hz = 22050;
};

/// A freshly loaded synthesiser, held by one thread at a time.
///
/// libespeak-ng keeps state between utterances (flutter, gain, random breath), so what it says
/// depends on all it said before. Each session therefore loads and unloads the library: what is
/// spoken in a session is a pure function of the calls in it. Loading takes about 2 ms.
/// *Memory*: the library leaks about 1.5 kB every time.
/// *Threads*: `open` waits until no other session exists. *Errors*: `scenarios.voice`.
class person_voice {
 public:
  static result<std::unique_ptr<person_voice>> open();
  ~person_voice();
  person_voice(const person_voice&) = delete;
  person_voice& operator=(const person_voice&) = delete;

  /// Lower-case words without punctuation. *Errors*: `scenarios.voice` for an unknown voice or when
  /// the synthesiser's word events do not match the words.
  result<utterance> say(const std::string& text, const person& who);

 private:
  struct library;
  person_voice();
  result<raw_speech> by_espeak(const std::string& text, const person& who);
  static result<raw_speech> by_flite(const std::string& text, const person& who);
  std::unique_ptr<library> library_;
};

}  // namespace hocket::scenarios
