// Who speaks in the tests, and the tape on which an item is put together.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/item.hpp"
#include "tools/scenarios/person_voice.hpp"
#include "tools/scenarios/random.hpp"
#include "tools/scenarios/speech_bank.hpp"

namespace hocket::duplex {

/// Test items draw from numbers of their own: seed_of(base, n, test_split). Training uses 1, the
/// held-out conversations 2.
inline constexpr std::uint64_t test_split = 3;

struct speaker {
  bool flite = false;  ///< a voice of flite's that training never hears; else espeak-ng
  scenarios::person who;
  std::string synthesiser() const { return flite ? "flite" : "espeak-ng"; }
};

/// Held-out voices at held-out rates. Every second speaker is flite's, so that systems whose recogniser does not understand espeak-ng
/// can be compared on those alone.
speaker draw_speaker(scenarios::random_stream& rng, bool flite);

/// The synthesisers. *Threads*: one at a time in the process. *Errors*: scenarios.voice.
class voices {
 public:
  /// `bank`: its held-out part, which must outlive this; null where no item needs it.
  static result<std::unique_ptr<voices>> open(const scenarios::speech_bank* bank = nullptr);
  /// Speech at -20 dBFS rms plus the speaker's gain, silence at both ends cut off; 16 kHz.
  result<std::vector<float>> say(const std::string& text, const speaker& who);
  /// The same with every word that people of the bank say said by one of them; `who` says the rest.
  /// *Errors*: duplex.bank where they say none of it.
  result<std::vector<float>> say_by_people(const std::string& text, const speaker& who,
                                           scenarios::random_stream& rng);
  const scenarios::speech_bank* bank() const { return bank_; }

 private:
  voices() = default;
  const scenarios::speech_bank* bank_ = nullptr;
  std::unique_ptr<scenarios::person_voice> person_;
};

/// Puts an item together. After the first failure the calls do nothing and `finish` tells it.
class stage {
 public:
  /// `flite`: the user's synthesiser.
  stage(voices& from, item& into, std::uint64_t seed, bool flite);

  scenarios::random_stream rng;

  /// Speaks so that the sound begins at `at_s`; returns its end. `who` as in sounding; an "other"
  /// speaks with the user's voice (to somebody else), a "third" with another one as loud, a
  /// "background" with that one, 16 to 22 dB below. What is said with `overlap` is not in clean_input.
  double say(const std::string& text, double at_s, const std::string& who = "user",
             bool overlap = false);
  /// By people of the bank, where they say the words; returns the end.
  double say_by_people(const std::string& text, double at_s);
  bool people_say(const std::string& word) const;
  /// A clip of the bank's neural voices, by the item's number: text and sound; nothing (and a failure)
  /// where there is none.
  std::optional<std::pair<std::string, std::vector<float>>> bank_request(const std::string& id);
  /// Places sound that is at hand; returns its end.
  double place_sound(std::vector<float> sound, double at_s, const std::string& who,
                     const std::string& text) {
    return failed_ ? at_s : place(std::move(sound), at_s, who, text, false);
  }
  /// The user coughs: two bursts of noise. Returns the end.
  double cough(double at_s, bool overlap = false);
  /// Mixes, adds a quiet noise floor, cuts to `length_s`.
  result<void> finish(double length_s);

  const speaker& user() const { return user_; }

 private:
  struct placed {
    std::vector<float> samples;
    std::int64_t at = 0;
    bool overlap = false;
  };
  double place(std::vector<float> sound, double at_s, const std::string& who,
               const std::string& text, bool overlap);
  std::vector<float> mix(std::int64_t length, bool with_overlap) const;

  voices& from_;
  item& into_;
  speaker user_, far_;
  std::vector<placed> placed_;
  std::optional<error> failed_;
};

}  // namespace hocket::duplex
