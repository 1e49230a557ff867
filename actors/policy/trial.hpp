#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/policy/watch.hpp"

namespace hocket::policy {

/// What a judge finds in words: a topic's name; "": none.
using judge_of = std::function<std::string(const std::string& words)>;

/// What comes up where these turns are said one after the other, word by word as a recogniser hears them
/// (0.3 s each, 2 s between turns), in order. `judged`: what a judge finds in a turn and the rules did not
/// comes behind it, as rule "judge".
std::vector<match> tried(const rules& all, bool with_minors, const std::vector<std::string>& turns,
                         const judge_of& judged = nullptr);

/// A line of a file of cases: what should come up, in order, and the turns that are said.
struct trial_case {
  int line = 0;
  std::vector<std::string> topics;  ///< none: nothing may
  std::vector<std::string> turns;
};

/// Reads `TOPIC[, TOPIC...]: words | words of the next turn`, a case per line; the topic `-` is none, and
/// empty lines and those that begin with `#` say nothing.
/// Errors: policy.bad_case, with its line: no colon, no words, or a topic that the policy has not.
result<std::vector<trial_case>> read_cases(const std::string& file, const std::string& text,
                                           const rules& all);

}  // namespace hocket::policy
