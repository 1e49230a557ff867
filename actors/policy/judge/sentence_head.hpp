// A head over hidden states of a language model: whether a sentence asks for harm, and of which topic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::policy {

/// One linear layer of one number over a state.
struct state_weights {
  double bias = 0;
  std::vector<float> weights;  ///< [width]
  /// Log odds of a state that `scaled_state` gave.
  double log_odds(std::span<const float> state) const;
};

/// A state divided by its root mean square: lengths differ between texts, and say nothing here.
std::vector<float> scaled_state(std::span<const float> state);

/// What `hocket train judge --language-model` makes. *Threads*: immutable once filled.
struct sentence_head {
  /// From its file (JSON). *Errors*: policy.bad_head, with file and what is wrong.
  static result<sentence_head> read(const std::string& file, const std::string& json);
  std::string to_json() const;
  /// Whether it was learnt from this model. *Errors*: policy.bad_head, with both sums, or what else differs.
  result<void> fits(const std::string& file, const std::string& model, const std::string& sha256,
                    int layers, std::int64_t width) const;

  struct topic {
    std::string name;
    state_weights by;
  };
  std::string name;
  std::string model, model_sha256;  ///< what the states are of
  int layer = 0;                    ///< so many layers were passed
  double at_least = 0.5;            ///< from this probability of harm on a topic is found
  double words = 0;    ///< what the surest margin of the words' head adds to the log odds of harm
  state_weights harm;  ///< decides
  std::vector<topic> topics;  ///< name it: the most likely one
};

/// Words of one sentence, at most, and how far the next one begins behind it where a text has more.
inline constexpr std::size_t sentence_words = 32, sentence_step = 16;
/// What is read of a text, at most `sentence_words` words each: words as rules fold them, joined by blanks, so that
/// look-alike letters and spelled words are the words that they stand for. At least one; "" where there is no word.
std::vector<std::string> sentences_of(std::string_view text);

}  // namespace hocket::policy
