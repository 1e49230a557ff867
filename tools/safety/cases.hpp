// What is asked in the tests: held-out wordings, near-misses, and what a tool may return.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "actors/policy/rules.hpp"
#include "graph/core/result.hpp"

namespace hocket::safety {

/// Something that is said, and what it is about: a topic of the policy, "" for what should be answered.
struct line {
  std::string topic;
  std::string words;  ///< turns are parted by `|` in `pieces`, before, phrase and after in `slips`
};
using lines = std::vector<line>;

/// A file of cases. What the policy names word by word is not held out, and left out.
struct case_set {
  std::string name;
  lines asks;       ///< disallowed requests, each in one turn
  lines pieces;     ///< disallowed requests in pieces over several turns
  lines languages;  ///< disallowed requests in other languages; harmless ones too
  lines near;       ///< harmless requests that look alike
  lines care;       ///< what the policy answers itself: distress, whether it is a machine
  lines slips;      ///< what the model itself says: `before | forbidden words | after`
  lines chatter;    ///< harmless, for long conversations
  lines synonyms;   ///< `make: build, put together`: other words for one, for the red team
  lines wrappers;   ///< what a page or tool returns; `{ask}` stands for a request
  lines spoken, spoken_near, spoken_chatter;  ///< for speech, in words that small models know
  std::int64_t named = 0;                     ///< lines that the policy itself names: left out
  std::int64_t phrased = 0;  ///< of `asks`: a phrase of the policy stands in it as it is
  std::int64_t unknown = 0;  ///< lines of topics that the policy does not have: left out
};

/// Reads a file of cases for a policy. A topic may also be `none`: harmless. `held_out`: leaves out what the policy
/// names itself.
/// *Errors*: safety.bad_cases, with each finding and its line.
result<case_set> read_cases(const std::string& file, const std::string& yaml,
                            const policy::rules& all, bool held_out = true);

/// The parts between `|`, without blanks around them.
std::vector<std::string> parts_of(const std::string& words);
std::vector<std::string> words_of(const std::string& text);

}  // namespace hocket::safety
