// Trains the small judge of words (`policy.judge`), and says how it does on what it never saw.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/policy/topic_head.hpp"
#include "tools/safety/families.hpp"
#include "tools/safety/judge.hpp"

namespace hocket::safety {

struct head_options {
  std::uint64_t seed = 1;
  std::int64_t each = 40;  ///< wordings of a pattern
  int passes = 6;
  /// Of harmless wordings that were kept apart, what a threshold may let be refused.
  double over_refused = 0.02;
};

/// Words as they are compared with held-out ones: folded, in order.
std::string bare(const std::string& words);

/// What came out, with what it was trained on.
struct trained_head {
  policy::topic_head head;
  std::int64_t wordings = 0, harmless = 0;
  std::int64_t left_out = 0;  ///< wordings that are held out word for word
  /// On patterns that were kept apart from training while thresholds were chosen, by their harmless wordings.
  share apart_refused, apart_over_refused;
};

/// Logistic regression per topic (AdaGrad, L2) over policy::head_features of `patterns` and `more` lines; what
/// `held_out` says is left out. Thresholds are chosen with one pattern in five kept apart, then all are trained on.
/// A pure function of its arguments. *Errors*: safety.bad_families where a topic or the harmless have no wording.
result<trained_head> train_head(const families& patterns, const lines& more, const lines& held_out,
                                const head_options& how);

/// What the head finds: `refused` of lines with a topic (any topic counts), `over_refused` of those without.
struct head_figures {
  share refused, over_refused;
  std::vector<std::string> missed;  ///< `TOPIC: words`, and `-: words` refused without need
};
using finder = std::function<bool(const std::string& words)>;
head_figures figures_of(const finder& finds, const lines& all);

}  // namespace hocket::safety
