// Trains the head of `policy.judge` over a language model's hidden states.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/policy/judge/sentence_head.hpp"
#include "actors/policy/topic_head.hpp"
#include "tools/safety/families.hpp"
#include "tools/safety/judge.hpp"

namespace hocket::safety {

struct sentence_options {
  std::uint64_t seed = 1;
  std::int64_t each = 12;  ///< wordings of a pattern, at most
  double words = 0.2;      ///< sentence_head::words
  double decay = 1000;     ///< of weights: as many sentences as half a squared weight counts for
  int steps = 300;
  /// Of harmless wordings that were kept apart, what the threshold may let be refused.
  double over_refused = 0.02;
};

/// Scaled states of sentences (`policy::scaled_state`), in order.
using states_of =
    std::function<result<std::vector<std::vector<float>>>(const std::vector<std::string>&)>;

struct trained_sentences {
  policy::sentence_head head;  ///< without model, sum and layer
  std::int64_t wordings = 0, harmless = 0;
  std::int64_t left_out = 0;  ///< wordings that are held out word for word
  /// On patterns and lines that were kept apart while the threshold was chosen.
  share apart_refused, apart_over_refused;
};

/// Logistic regression (L2; Nesterov's gradient descent on standardised states, in double, in one order): of harm
/// against none, both sides weighing the same, and of each topic against all else. Sentences: wordings of all
/// `patterns`, `more` lines, and of every fourth harmless one its beginning, which asks for nothing yet; what
/// `held_out` says is left out. The threshold is chosen with one pattern in five and one line in five kept apart.
/// A pure function of its arguments. *Errors*: safety.bad_families where there is no harmful or no harmless
/// wording; those of `states`.
result<trained_sentences> train_sentences(const std::vector<families>& patterns, const lines& more,
                                          const lines& held_out, const policy::topic_head& words,
                                          const states_of& states, const sentence_options& how);

}  // namespace hocket::safety
