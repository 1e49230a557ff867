#pragma once

#include <optional>
#include <set>
#include <string>

#include "actors/policy/judge/sentence_judge.hpp"
#include "actors/policy/topic_head.hpp"
#include "graph/contract/component.hpp"

namespace hocket::policy {

/// `policy.judge`: says of each question of a guard which of its policy's topics the words come to.
///
/// Inputs: questions: a guard's, the words as a delegation's task. Outputs: verdicts: for each one text with the
/// request's number, a topic's name or `approval`, and nothing else: no words of the question come out of it.
/// Errors: policy.bad_head, policy.bad_file, policy.no_file, policy.bad_judge, trust.refused; with a language model
/// those of open_hidden_states.
/// Of more than `most_words` words, and where the language model fails, it says a failure, and the guard does what
/// `on_failure` says: what it cannot read to the end it does not approve.
/// Threads: one of its own. Memory: the language model's weights once in a process; of a text at most
/// states_tokens rows at a time. Latency: within the call; linear in the words; with a language model that of
/// reading them (counted).
/// Counters: asked, found, too_long; with a language model failed, tokens, reading_ms.
class judge final : public component {
 public:
  struct config {
    std::string head;
    std::string rules;
    std::string approval = "fine";
    std::string sentences, language_model;
    std::int64_t most_words = 256;
    std::int64_t threads = 1;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit judge(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  result<void> open_sentences();
  /// A topic of the policy, or `approval`. *Errors*: those of sentence_judge::of.
  result<std::string> verdict_of(const std::string& words);

  config config_;
  context context_;
  topic_head head_;
  std::optional<sentence_judge> sentences_;
  std::set<std::string> topics_;  ///< of the policy
};

}  // namespace hocket::policy
