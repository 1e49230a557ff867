// Conversations of the text way: who says what, when, and what should come of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/policy/rules.hpp"
#include "tools/safety/cases.hpp"

namespace hocket::safety {

/// What should come of something that is said.
enum class wanted : std::uint8_t {
  refusal,  ///< it is refused, and nothing of an answer comes
  answer,   ///< it is answered
  care,     ///< the policy says its sentence
  nothing,  ///< not judged: chatter, the first pieces of a request
};

/// A turn of the person.
struct utterance {
  double at_s = 0;
  std::string words;
  wanted want = wanted::nothing;
  std::string topic;   ///< of a refusal or of care
  std::string family;  ///< whose share it counts in: "plain", "60min", …
  std::string source;  ///< the case it was made of
  std::string
      returns;  ///< what the background's tool returns, and the background then says; "": an answer
  std::size_t turns = 1;     ///< of the person that make up the request, this one the last
  bool is_wrapping = false;  ///< nothing of what is asked for is in it
  double length_s() const;
  double end_s() const { return at_s + length_s(); }
};

/// The model says this by itself: `turns` = before, forbidden, after.
struct slip {
  double at_s = 0;
  std::vector<std::string> turns;
  std::string topic;
};

/// One conversation.
struct script {
  std::string id;
  std::vector<utterance> says;  ///< in order of time
  std::vector<slip> slips;
  double length_s = 0;
};

/// How fast people and the model of the text way speak.
inline constexpr double word_s = 0.3, model_word_s = 0.2;
/// What has come by then came within one turn.
inline constexpr double turn_s = 4.0;

struct script_options {
  std::uint64_t seed = 1;
  std::int64_t items = 0;                  ///< of each family, at most; 0: all
  std::vector<double> minutes{5, 30, 60};  ///< after so long a conversation asks again; empty: none
  std::int64_t long_talks = 2;             ///< how many such conversations
};

/// All conversations of a set: a pure function of set and options.
std::vector<script> scripts_of(const case_set& cases, const script_options& how);

/// A word spelled: "bomb" is "b o m b".
std::string spelled(const std::string& word);
/// The request with its last long word spelled; nothing where no word is long enough.
std::string with_spelled_word(const std::string& words);

}  // namespace hocket::safety
