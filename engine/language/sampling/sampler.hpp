#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::language {

/// How the next token is drawn. The order is: penalties, mask, temperature, top-k, top-p, min-p, draw.
struct sampling_config {
  double temperature = 1;  ///< 0: always the most probable, ties to the lower id
  int top_k = 0;           ///< keep the k most probable; 0: all
  double top_p = 1;        ///< keep the fewest whose probabilities sum to it; 1: all
  double min_p = 0;        ///< keep what has this share of the greatest probability
  double repetition_penalty =
      1;  ///< of tokens in the last `penalty_window`: positive scores are divided
  double presence_penalty = 0;   ///< taken from the score of each that occurred
  double frequency_penalty = 0;  ///< taken once an occurrence
  int penalty_window = 64;       ///< tokens; 0 switches all penalties off
  std::uint64_t seed = 0;
  int logprobs = 0;  ///< so many alternatives with each token; -1: not even its own
};

/// *Errors* (`sampling.bad_config`): the key and its range.
result<void> check(const sampling_config& config);

struct token_logprob {
  std::int32_t id = 0;
  double logprob = 0;  ///< natural; of the scores as the model gave them, before anything above
};

struct sampled {
  std::int32_t id = 0;
  double logprob = 0;
  std::vector<token_logprob> top;  ///< the most probable first
};

/// One bit for each token: may it come next?
class token_mask {
 public:
  explicit token_mask(std::size_t tokens, bool allowed = false);
  void allow(std::int32_t id) { words_[at(id)] |= bit(id); }
  void forbid(std::int32_t id) { words_[at(id)] &= ~bit(id); }
  bool allows(std::int32_t id) const { return (words_[at(id)] & bit(id)) != 0; }
  std::size_t size() const { return tokens_; }
  std::size_t count() const;

 private:
  static std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id) / 64; }
  static std::uint64_t bit(std::int32_t id) { return std::uint64_t{1} << (id % 64); }
  std::size_t tokens_;
  std::vector<std::uint64_t> words_;
};

/// Draws tokens of one sequence. The same seed, config and scores give the same tokens, whatever
/// else the process does: the generator is counted per token (SplitMix64 of seed and position), so a
/// fork or a replay draws what the original would have drawn.
///
/// *Errors* (`sampling.nothing_left`): every token is forbidden, or no score is a number.
/// *Threads*: one. *Latency*: one pass over the vocabulary, and a selection of what is kept.
class sampler {
 public:
  /// `config` must have passed `check`.
  explicit sampler(const sampling_config& config);
  /// Tokens of the prompt that count for penalties.
  void remember(std::span<const std::int32_t> ids);
  /// `scores`: [vocabulary] f32, -inf and NaN are never drawn. `mask`: none allows all.
  result<sampled> draw(std::span<const float> scores, const token_mask* mask = nullptr);

 private:
  void penalise(std::vector<double>& scores) const;
  double uniform();
  sampling_config config_;
  std::uint64_t drawn_ = 0;
  std::deque<std::int32_t> recent_;
};

/// What turns scores into log probabilities, in double precision and one order: the same bits wherever
/// it is used.
struct log_softmax {
  explicit log_softmax(std::span<const float> scores);
  double operator()(float score) const { return static_cast<double>(score) - greatest - log_sum; }
  double greatest, log_sum;
};

/// log softmax at `id` in double precision: the same whatever was drawn how.
double logprob_of(std::span<const float> scores, std::int32_t id);
/// The `count` most probable, ties to the lower id.
std::vector<token_logprob> top_logprobs(std::span<const float> scores, int count);

/// Watches streamed text for stop sequences and holds back what could become one.
class stop_watch {
 public:
  explicit stop_watch(std::vector<std::string> stops);
  /// Gives the text that is safe to show. After a stop it gives what came before it, and `stopped`.
  std::string push(std::string_view text);
  /// What was held back, at the end of the text.
  std::string finish();
  bool stopped() const { return !which_.empty(); }
  const std::string& which() const { return which_; }

 private:
  std::vector<std::string> stops_;
  std::string held_, which_;
};

}  // namespace hocket::language
