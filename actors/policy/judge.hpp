#pragma once

#include <set>
#include <string>

#include "actors/policy/topic_head.hpp"
#include "graph/contract/component.hpp"

namespace hocket::policy {

/// `policy.judge`: says of each question of a guard which of its policy's topics the words come to.
///
/// Inputs: questions: a guard's, the words as a delegation's task. Outputs: verdicts: for each one text with the
/// request's number, a topic's name or `approval`, and nothing else: no words of the question come out of it.
/// Errors: policy.bad_head, policy.bad_file, policy.no_file, trust.refused.
/// Of more than 2048 words it says a failure: what it cannot read to the end it does not approve.
/// Latency: within the call; linear in the words.
/// Counters: asked, found, too_long.
class judge final : public component {
 public:
  struct config {
    std::string head;
    std::string rules;
    std::string approval = "fine";
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit judge(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  config config_;
  context context_;
  topic_head head_;
  std::set<std::string> topics_;  ///< of the policy
};

}  // namespace hocket::policy
