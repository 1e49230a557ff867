// How the model's voice sounds: pace, pitch, loudness, and how it breaks off. From the sound alone,
// but for the number of words. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hocket::duplex {

struct item;
struct timeline;

/// A stretch of speech. A field is there where there was enough to measure it on.
struct voice_facts {
  std::optional<double> words_per_s;  ///< words begun, over the sound with pauses up to 0.5 s
  std::optional<double> pitch_hz, pitch_deviation_hz;  ///< mean and deviation over voiced frames
  std::optional<double> level_db, level_deviation_db;  ///< dBFS of 30 ms frames of speech
};

/// What Full-Duplex-Bench V1.5 compares: the model's voice before something is said into its answer,
/// and that of what follows.
struct voice_change {
  voice_facts before, after;
  /// The largest fall between neighbouring 30 ms frames where the model falls silent after the
  /// overlap began, dB; what is below -60 dBFS counts as -60. Nothing where it did not fall silent.
  std::optional<double> cut_off_db;
};

/// Pitch of 40 ms frames, every 10 ms, by normalised autocorrelation between 70 and 400 Hz; only
/// voiced frames. `samples` [n] 16 kHz.
std::vector<double> pitches_of(std::span<const float> samples);
/// The speech in [from_s, to_s) of `sound` [n], 16 kHz.
voice_facts voice_between(std::span<const float> sound, const timeline& did, double from_s,
                          double to_s);
/// Before: up to the overlap. After: from the wanted reply's sound on, else from the overlap's end.
/// Nothing for families without an overlap. `did` has its words and `speech`.
std::optional<voice_change> voice_around(const item& of, std::span<const float> sound,
                                         const timeline& did);

/// By name: "before_words_per_s", "after_pitch_hz", …, "cut_off_db". What was not measured is left
/// out.
std::map<std::string, double> values_of(const voice_change& change);

}  // namespace hocket::duplex
