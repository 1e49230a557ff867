// Which topic a text comes to, by a head over a language model's states and one over words together.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/policy/judge/hidden_states.hpp"
#include "actors/policy/judge/sentence_head.hpp"
#include "actors/policy/topic_head.hpp"

namespace hocket::policy {

/// *Threads*: one at a time. *Latency*: that of reading the text once, `sentence_words` words a sentence.
class sentence_judge {
 public:
  /// The head belongs to the model (`sentence_head::fits`).
  sentence_judge(topic_head words, sentence_head head, std::shared_ptr<hidden_states> states)
      : words_(std::move(words)), head_(std::move(head)), states_(std::move(states)) {}
  /// Reads both and opens the model. *Errors*: policy.bad_head, those of open_hidden_states.
  static result<sentence_judge> open(topic_head words, const std::string& file,
                                     const std::string& json, const states_settings& model);

  /// Whether a topic counts; others are passed over.
  using counts = std::function<bool(const std::string& topic)>;
  /// The topic of the sentence that most surely asks for harm; none where none reaches the threshold, or no topic
  /// of the head counts. Whatever the words say, they are read as they stand: no template, no instruction.
  /// *Errors*: those of `hidden_states::of`.
  result<std::optional<topic_head::finding>> of(std::string_view text, const counts& is_wanted,
                                                std::int64_t* tokens = nullptr);
  const sentence_head& head() const { return head_; }

 private:
  topic_head words_;
  sentence_head head_;
  std::shared_ptr<hidden_states> states_;
};

/// Log odds of harm of a sentence: of its state, and of what the head of words says of it.
double harm_log_odds(const sentence_head& head, std::span<const float> scaled, double words_margin);

}  // namespace hocket::policy
