// Free-running evaluation: the model hears the person and itself, and its words are compared with a
// script. No torch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/interaction/session.hpp"

namespace hocket::engine {

/// A conversation and what an ideal model does in it. Families are numbers that the caller chooses.
struct script {
  struct word {
    std::int32_t token = 0;
    std::int64_t micro_turn = 0;
    int family = 0;
  };
  struct heard {
    std::int32_t token = 0;
    std::int64_t frame = 0;  ///< 50 ms frame in which it ends
  };
  /// A background result: comes in, a word per micro-turn, once the model asks for this task, as long
  /// after the model's request as in the script. A wrong request is never answered.
  struct errand {
    std::vector<std::int32_t> task, result;
    std::int64_t asked = 0, answered = 0;
  };
  struct span_of {
    int family = 0;
    std::int64_t from = 0, to = 0;  ///< micro-turns
  };
  std::int64_t micro_turns = 0;
  std::vector<std::uint8_t> audio;  ///< [micro_turns * 4, 80]
  std::vector<std::uint8_t> video;  ///< [micro_turns, patches...] as micro_turn_input; may be empty
  std::vector<std::uint8_t> pictured;  ///< [micro_turns] 1 where there is a picture
  /// [micro_turns] words that come in whatever the model does, which a person types; may be empty.
  std::vector<std::int32_t> typed;
  std::vector<word> words;    ///< output words without control tokens, in order of time
  std::vector<heard> person;  ///< words of the person
  std::vector<errand> errands;
  std::vector<span_of> episodes;
};

/// Words counted in one conversation, for one family.
struct word_counts {
  int family = 0;
  double expected = 0, said = 0;
  double found = 0;  ///< expected words said within the tolerance, each by its own word
  double exact = 0;  ///< of those, in the very micro-turn
};

struct closed_loop_result {
  std::vector<std::vector<word_counts>> conversations;  ///< per script, the families in it
  double person_expected = 0, person_said = 0, person_found = 0;  ///< recognised words, +-4 frames
  double errands = 0, errands_asked = 0;
  double micro_turns = 0, seconds = 0;
};

/// *Errors*: those of batch_step. `progress` gets the number of finished conversations.
result<closed_loop_result> run_closed_loop(const std::shared_ptr<const interaction_model>& model,
                                           std::span<const script> scripts,
                                           const session_options& options, int batch,
                                           std::int64_t tolerance_micro_turns,
                                           const std::function<void(std::size_t)>& progress);

/// Matches two time-ordered lists of the same token: each pairs at most once, within the tolerance.
/// Gives the index of the partner in `said` for every expected word, or -1.
std::vector<std::int64_t> match_times(std::span<const std::int64_t> expected,
                                      std::span<const std::int64_t> said, std::int64_t tolerance);

}  // namespace hocket::engine
