// Speech that was recorded or made elsewhere: people's words and neural voices, with word times.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/scenarios/person_voice.hpp"
#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

/// A piece of a voice's sound; all in samples of the voice.
struct bank_clip {
  std::string speaker;  ///< of people's words: who; else ""
  std::int64_t start = 0, end = 0;
  std::vector<spoken_word> words;
};

struct bank_voice {
  std::string name;
  std::vector<std::int16_t> samples;  ///< 16 kHz, clips at -20 dBFS rms
  std::vector<bank_clip> clips;
};

/// A voice by its index, VOICE.json, with VOICE.wav beside it. *Errors*: scenarios.bank.
result<bank_voice> read_bank_voice(const std::string& file);

/// What `bank/make_bank.py` made, of one split. Held in memory (2 MB a minute), never changed.
/// *Threads*: any.
class speech_bank {
 public:
  /// *Errors*: scenarios.bank: the folder is missing or a file of it does not read. A folder without
  /// voices of the split is an empty bank. `without`: a voice that is left out, the model's own.
  static result<std::shared_ptr<const speech_bank>> open(const std::string& folder, split which,
                                                         const std::string& without = "");

  const std::vector<bank_voice>& neural() const { return neural_; }
  const std::vector<bank_voice>& people() const { return people_; }
  bool empty() const { return neural_.empty() && people_.empty(); }

  /// The text in that voice: the longest pieces of its clips that fit, joined at word ends, those that
  /// begin and end a sentence there first; nothing where a word is missing. Level as in person_voice.
  static std::optional<utterance> say(const bank_voice& voice, const std::string& text,
                                      double gain_db, random_stream& rng);
  /// The same sentence with a share of its words said by people, each by somebody, wherever somebody
  /// says that word; `changed`: how many.
  utterance with_people(const utterance& said, double share, random_stream& rng,
                        int* changed = nullptr) const;
  /// Talk that is not for the model: a neural voice's sentence with a word that the model does not
  /// know, or a word that a person says for no reason; nothing where there is none.
  std::optional<utterance> small_talk_of_others(double gain_db, random_stream& rng) const;

 private:
  std::vector<bank_voice> neural_, people_;
};

}  // namespace hocket::scenarios
