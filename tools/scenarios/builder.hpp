// Puts a conversation together on the clock: who says what when, and what the model should do.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/scenarios/acoustics.hpp"
#include "tools/scenarios/channel.hpp"
#include "tools/scenarios/conversation.hpp"
#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/random.hpp"
#include "tools/scenarios/speech_bank.hpp"
#include "tools/scenarios/video_scene.hpp"

namespace hocket::scenarios {

inline constexpr std::int64_t turn_samples = 3200;

/// The first output that may depend on speech that ended at `sample`: one micro-turn of listening.
inline std::int64_t answer_turn(std::int64_t sample) { return sample / turn_samples + 1; }
/// When the sound of output k begins.
inline std::int64_t heard_at(std::int64_t k) { return (k + 1) * turn_samples; }

/// The families call this; it keeps the plan, `finish` turns it into sound and labels.
/// *Errors*: a failed utterance is remembered, later calls do nothing, `finish` returns it.
class builder {
 public:
  builder(person_voice& voice, std::uint64_t seed, split which, std::int64_t micro_turns,
          variety sound = variety::plain, double slips = 0);

  random_stream rng;
  bool rich() const { return sound_ == variety::rich; }
  std::optional<video_scene> scene;  ///< what the camera sees; none: there is no camera
  std::int64_t cursor = 0;           ///< the next episode may begin here, samples
  const std::int64_t total_turns;

  struct speech {
    utterance sound;
    std::int64_t length = 0;  ///< samples at 16 kHz
  };
  /// From here on the person is heard through a channel and may be a voice of the bank; before
  /// anything is said.
  void go_into_the_field(std::shared_ptr<const speech_bank> bank);
  /// From here on the model speaks with that voice; null: flite's.
  void taught_by(std::shared_ptr<model_voice> voice) { teacher_ = std::move(voice); }
  /// Speech of somebody in the bank for somebody else, where there is any.
  std::optional<speech> overhear(double gain_db);
  /// Speaks without placing it. `other` replaces the conversation's person.
  speech speak(const std::string& text, const person* other = nullptr);
  /// Places it so that its first sound is at `at`; returns the sample after its last sound.
  std::int64_t place(const speech& what, std::int64_t at, bool labelled = true);
  std::int64_t say_at(const std::string& text, std::int64_t at);
  /// Types it instead, a word per micro-turn from the one of `at` on; returns the last sample of the
  /// micro-turn of its last word, which is to an answer what the end of speech is.
  std::int64_t type_at(const std::string& text, std::int64_t at);
  /// When word `i` ends, samples at 16 kHz from the begin of the speech.
  static std::int64_t word_end(const speech& what, std::size_t i);

  /// The model says a phrase from output `k` on, its tokens with it; returns the output after it.
  /// A share of the phrases slips (slips.hpp): text and sound have another word than asked for, and
  /// nobody learns that word as an answer, only that the voice says what is written.
  std::int64_t model_says(std::int64_t k, const std::string& text);
  /// The model spells a word letter by letter, 0.4 s each or longer; returns the output after it.
  std::int64_t model_spells(std::int64_t k, const std::string& word);
  /// Tokens that are not spoken, two per micro-turn from `k` on.
  void model_emits(std::int64_t k, const std::vector<std::string>& tokens);
  /// What the model is saying breaks off where output `k` begins; words that have not begun vanish.
  void break_off(std::int64_t k);
  /// Text that comes in, a token per micro-turn from `k` on; unknown words come in letters.
  /// Returns the micro-turn after the last one.
  std::int64_t text_arrives(std::int64_t k, const std::string& words);
  void delegates(std::int64_t k, const std::string& task, const std::string& result,
                 std::int64_t answered);

  void begin_episode(const std::string& family, std::int64_t at);
  void end_episode(const std::string& what, std::int64_t at);
  bool full() const { return failed_ || cursor >= total_turns * turn_samples - turn_samples; }

  /// Replaces the person and the noise that the seed drew; before anything is said.
  void cast(const person& speaker, double noise_dbfs);
  /// Another person of the same split.
  person somebody_else();
  const person& speaker() const { return speaker_; }
  split which() const { return which_; }

  result<void> take_error();
  /// The synthesiser is no longer needed from here on.
  conversation finish();

 private:
  struct placed_speech {
    utterance sound;
    std::int64_t at = 0;
  };
  struct model_phrase {
    const phrase* what = nullptr;
    std::int64_t k = 0;
    std::int64_t frames = 0;  // said before it broke off
    int episode = 0;
  };
  struct token_event {
    std::int64_t k = 0;
    expected_word word;
    bool slipped = false;
  };

  /// Everything that only conversations in the field have.
  struct field_parts {
    std::shared_ptr<const speech_bank> bank;
    random_stream rng{0};
    channel heard_through;
    const bank_voice* neural = nullptr;  ///< the person is this voice where it knows the words
    double warp = 1;                     ///< of it
    double people = 0;                   ///< share of the person's words that people say
  };

  utterance cast_from_bank(utterance said, const std::string& text, double gain_db);
  void mask_bands(std::vector<std::uint8_t>& audio);
  void place_people(conversation& out);
  void mix_person(conversation& out);
  void mix_model(conversation& out);
  void write_labels(conversation& out);
  void write_pictures(engine::conversation_arrays& out) const;

  person_voice& voice_;
  split which_;
  variety sound_;
  std::uint64_t seed_;
  person speaker_;
  double noise_dbfs_ = -60;
  std::optional<acoustics> heard_through_;  ///< rich sound only
  std::optional<field_parts> field_;
  double slips_ = 0;
  random_stream tongue_;
  std::shared_ptr<model_voice> teacher_;  ///< null: the shared one
  std::vector<placed_speech> placed_;
  std::vector<model_phrase> phrases_;
  std::vector<token_event> tokens_;
  std::vector<std::string> text_in_;
  conversation made_;
  std::optional<error> failed_;
};

/// A person with a voice of the split, rate, pitch and level drawn.
person draw_person(random_stream& rng, split which, variety sound = variety::plain);

}  // namespace hocket::scenarios
