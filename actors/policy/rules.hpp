// What a policy file says: topics, what is done where one comes up, and what is said then.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/policy/folded.hpp"
#include "actors/policy/grown_up.hpp"
#include "actors/policy/hours.hpp"
#include "graph/core/result.hpp"

namespace hocket::policy {

/// Where words are from.
enum class place : std::uint8_t {
  heard,     ///< the person said or typed them
  said,      ///< the model says them
  request,   ///< the model hands them to the background
  result,    ///< the background answers them
  evidence,  ///< a tool returned them
};
inline constexpr int place_count = 5;
std::string_view to_string(place p);

/// What is done about words of a topic, from least to most.
enum class action : std::uint8_t {
  pass,    ///< nothing; not told either
  note,    ///< told, and nothing else
  answer,  ///< the topic's `say` is said
  adapt,  ///< it speaks in the topic's manner from now on, and says `say`; of the person's words alone
  forget,  ///< what was kept of the conversation goes, `say` is said, and it ends; of the person's words alone
  refuse,  ///< what was asked for is not done, and that is said
  stop,    ///< the voice falls silent
  end,     ///< the conversation ends
};
std::string_view to_string(action a);

/// Texts by language ("en"); who asks for another one gets the policy's own.
using texts = std::map<std::string, std::string>;

/// Of the model's own tempo: slower, words fall apart.
inline constexpr double slowest_pace = 0.5;

struct topic {
  std::string name;
  std::vector<std::vector<pattern_word>> phrases;  ///< words in this order
  std::vector<std::array<std::string, 2>>
      spelled;  ///< each phrase as one word, with and without articles
  std::vector<std::vector<pattern_word>>
      together;  ///< words in any order, in pieces over several turns
  std::vector<std::vector<pattern_word>> examples;  ///< content words of a request
  std::vector<std::vector<pattern_word>> excepts;   ///< words within these are no match
  std::int64_t gap = 2;    ///< other words between two of a phrase, at most
  double together_s = 60;  ///< span of `together`
  double similar = 0.75;   ///< share of an example's content words, at least two
  std::array<action, place_count> act{};
  bool only_minors = false;
  std::int64_t times = 0;  ///< from the so-manieth time on `then` is done; 0: never
  action then = action::end;
  bool is_incident = false;
  texts say;
  /// For `adapt`: of the pace until then, 1: its own again, 0: left; and what a language model is asked.
  double pace = 0;
  texts wording;
};

/// Said after so long, whatever was talked about.
struct notice {
  std::string name;
  double after_min = 0, again_min = 0;  ///< of the conversation; again: 0 = once
  bool only_minors = false;
  bool ends = false;  ///< the conversation ends `end_after_s` later
  texts say;
  std::optional<day_span> between;  ///< only then, where the graph knows the time of day
};

struct rules {
  std::string name;
  std::string language = "en";
  texts refusal;
  std::vector<topic> topics;
  std::vector<notice> notices;
  grown_up_bounds grown_up;

  /// In that language, or the policy's own; empty where there is neither.
  const std::string& in(const texts& all, const std::string& wanted) const;
};

/// Reads a policy from YAML; `file` names it in messages.
/// Errors: policy.bad_file, with each finding, its line and the remedy.
result<rules> read_rules(const std::string& file, const std::string& yaml);

}  // namespace hocket::policy
