// A synthetic conversation with everything that is known about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/training/example.hpp"
#include "graph/core/result.hpp"
#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/person_voice.hpp"
#include "tools/scenarios/speech_bank.hpp"

namespace hocket::scenarios {

/// A word that somebody says, in samples of the conversation (16 kHz).
struct heard_word {
  std::string word;
  std::int64_t start = 0, end = 0;
  bool labelled = true;  ///< false for a faint voice in the background
};

/// A word of the ideal model.
struct expected_word {
  std::string word;
  std::int64_t micro_turn = 0;      ///< of the output slot that holds its token
  std::int64_t start = 0, end = 0;  ///< when it sounds, samples; of control tokens: its micro-turn
  bool spoken = true;               ///< false for `<delegate>`, the task's words and `<end>`
  int episode = 0;                  ///< index into `episodes`
};

struct delegation {
  std::string task;           ///< "seven times eight"
  std::string result;         ///< "fifty six"
  std::int64_t asked = 0;     ///< micro-turn of `<delegate>`
  std::int64_t answered = 0;  ///< micro-turn in which the first word of the result comes in
};

struct episode {
  std::string family;
  std::string what;                 ///< a sentence for people
  std::int64_t start = 0, end = 0;  ///< samples, from the first user sound to quiet
};

/// Output k is heard in [(k + 1) * 200, (k + 2) * 200) ms, so its sound begins at sample (k + 1) *
/// 3200.
struct conversation {
  std::uint64_t seed = 0;
  person speaker;
  double noise_dbfs = -60;          ///< -infinity for digital silence
  std::int64_t micro_turns = 0;     ///< K
  std::vector<float> person_audio;  ///< [K * 3200] 16 kHz
  std::vector<float> model_audio;   ///< [(K + 1) * 3200], the ideal model as it is heard
  std::vector<heard_word> person_words;
  std::vector<expected_word> model_words;
  std::vector<delegation> delegations;
  std::vector<episode> episodes;
  engine::conversation_arrays example;
};

/// How many-sided the sound is. `plain`: espeak-ng, one clean microphone, white noise: what the first
/// models were trained and are compared on. `rich`: flite's voices too, rooms, coloured noise, the
/// model's own echo, bursts of loss.
enum class variety { plain, rich };

struct source_options {
  std::uint64_t seed = 1;
  split which = split::train;
  double seconds = 15.0;
  std::vector<std::string> families;  ///< `all` stands for every one; empty: core_families()
  variety sound = variety::plain;
  double slips = 0;  ///< share of the model's phrases that slip (slips.hpp); for training only
  /// Share of conversations that take place in the field: noise, telephones and wrong levels
  /// (channel.hpp), talk that is not for the model, the voices of the bank. The others are what they
  /// would be without it, sample for sample.
  double field = 0;
  std::shared_ptr<const speech_bank> bank;  ///< of the same split; none: synthesisers alone
  std::shared_ptr<model_voice> voice;       ///< the model's; null: flite's
  /// Conversations over which `field` grows from 0 to its value, by their index.
  std::uint64_t field_ramp = 0;
};

/// All families in a fixed order, the core first.
const std::vector<std::string>& family_names();
/// sum delegate count timer smalltalk bystander translate cue: what every model since the first knows.
const std::vector<std::string>& core_families();

/// Conversation number `index` of the source. A pure function of its arguments.
/// *Errors*: `scenarios.family` for an unknown name, `scenarios.voice` when libespeak-ng is
/// missing.
result<conversation> make_conversation(const source_options& options, std::uint64_t index);

/// The conversation of the project's main job, 60 to 75 s: a sum with a pause in the middle, a
/// delegated times table, a count that is interrupted, a timer that is stopped, speech for somebody
/// else. Gaps leave room for late results.
result<conversation> make_main_job(std::uint64_t seed, split which = split::heldout);

}  // namespace hocket::scenarios
