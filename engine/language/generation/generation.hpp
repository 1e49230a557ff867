// An answer of a language model, token by token. No torch.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/language/constraint/constraint.hpp"
#include "engine/language/generation/chat_model.hpp"
#include "engine/language/generation/prefix_cache.hpp"
#include "engine/language/generation/shared_passes.hpp"
#include "engine/language/network/model.hpp"
#include "engine/language/sampling/sampler.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// How one answer is made.
struct answer_config {
  sampling_config sampling;
  std::vector<std::string> stops;  ///< texts that end it; they are not part of it
  std::int64_t max_tokens = 1024;
  /// What the answer must be; none: anything. It begins anew, and ends whole even at `max_tokens`.
  /// One answer at a time uses it.
  std::shared_ptr<constraint> held_to;
  /// How many tokens are guessed at once from what was said before (prompt look-up), and read together
  /// with the next one; 0: none. The answer is the same; guesses that do not come true are given up.
  int most_guessed = 6;
  /// So many alternatives with each token of the prompt (`prompt_scores`); -1: the prompt is not scored.
  int prompt_logprobs = -1;
};

/// Why an answer ended.
enum class answer_end {
  none,     ///< it goes on
  turn,     ///< the model ended its turn, or `held_to` allows nothing more
  stop,     ///< one of `stops`
  limit,    ///< max_tokens
  context,  ///< the model remembers no more
};
/// "turn", "stop", ...
const char* name_of(answer_end end);

/// What one token adds.
struct answer_piece {
  token_id id = no_token;
  std::string text;    ///< whole characters; may be empty while one is being put together
  std::string markup;  ///< the name of a control token that does not end the turn
  double logprob = 0;
  std::vector<token_logprob> top;
  answer_end end = answer_end::none;
};

/// A token of a scored prompt, after all that came before it.
struct prompt_score {
  token_id id = no_token;
  double logprob = 0;  ///< of the first token: 0, nothing came before it
  std::vector<token_logprob> top;
};

/// Answers one after the other, as a chat needs them: what the next prompt shares with the tokens
/// read so far is not read again. The pieces do not depend on that, nor on how a prompt was cut.
///
/// *Threads*: one at a time. *Memory*: keys and values of one sequence.
class generation {
 public:
  /// `threads`: so many share products. `shared`: prompts that others have read, and those that this one
  /// reads, all through the same adapter. `adapter`: every token is read through it.
  explicit generation(std::shared_ptr<const chat_model> model, int threads = 1,
                      std::shared_ptr<prefix_cache> shared = nullptr,
                      std::shared_ptr<const engine::adapter> adapter = nullptr);
  /// Goes through the model together with all others that have the same `passes`, whatever their adapters.
  generation(std::shared_ptr<const chat_model> model, std::shared_ptr<shared_passes> passes,
             std::shared_ptr<prefix_cache> shared = nullptr,
             std::shared_ptr<const engine::adapter> adapter = nullptr);

  /// Reads the prompt. `stop` is looked at in each layer where this answer has the model for itself,
  /// else between chunks of `prompt_chunk` tokens.
  /// *Errors*: language.too_long (prompt and one token do not fit the context), language.cancelled
  /// (what was read is kept for the next prompt), language.too_short (`max_tokens` holds no answer that
  /// `held_to` allows), sampling.bad_config, those of `append`.
  result<void> begin(const std::vector<token_id>& prompt, const answer_config& config,
                     std::stop_token stop = {});
  /// The next token; not to be called after a piece with an end. Cancelling is not to call it: a token
  /// is read only when the one after it is asked for, so a piece comes before the pass over its token.
  /// *Errors*: sampling.nothing_left, those of `append`.
  result<answer_piece> next();

  /// Tokens of the last prompt, and how many of them had been read before.
  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  std::int64_t reused_tokens() const { return reused_tokens_; }
  std::int64_t answer_tokens() const { return answer_tokens_; }
  /// Tokens that were guessed and came true.
  std::int64_t guessed_tokens() const { return guessed_tokens_; }
  /// Of the last prompt, where `prompt_logprobs` asked for it.
  const std::vector<prompt_score>& prompt_scores() const { return prompt_scores_; }
  std::size_t memory_bytes() const { return sequence_.memory_bytes(); }
  const chat_model& model() const { return *model_; }

  static constexpr std::int64_t prompt_chunk = 64;

 private:
  result<void> check_prompt(const std::vector<token_id>& prompt, const answer_config& config);
  std::int64_t take_over(const std::vector<token_id>& prompt);
  result<void> read_prompt(const std::vector<token_id>& prompt, std::int64_t kept,
                           const std::stop_token& stop);
  void score_chunk(const std::vector<token_id>& prompt, std::int64_t first,
                   std::span<const float> scores);
  result<std::vector<float>> read(std::span<const token_id> ids, scores_of which,
                                  shared_passes::part_of of, const std::stop_token& stop = {});
  result<void> go_on(token_id id);
  std::vector<token_id> guess(token_id id) const;
  void judge_guesses();
  std::string shown(std::string_view bytes);
  std::string rest();

  void start_anew();

  std::shared_ptr<const chat_model> model_;
  std::shared_ptr<const engine::adapter> adapter_;
  std::unique_ptr<shared_passes::seat> seat_;
  std::shared_ptr<prefix_cache> shared_;
  language_sequence sequence_;
  std::vector<token_id> read_;  ///< what the sequence holds, without `ahead_`
  std::vector<float> scores_;   ///< of what follows `read_`
  token_id unread_ = no_token;  ///< was said last and is read by the following `next`
  struct guessed {
    token_id id;
    std::vector<float> scores;  ///< of what follows it
  };
  std::deque<guessed> ahead_;                ///< read by guess; all go where one does not come true
  std::size_t guesses_ = 0, came_true_ = 0;  ///< of the last look-up
  double luck_ = 0.5;                        ///< share of guesses that came true lately
  answer_config config_;
  std::optional<sampler> sampler_;
  std::optional<stop_watch> watch_;
  utf8_stream characters_;
  bool at_start_ = true;  ///< no text has come yet
  std::int64_t prompt_tokens_ = 0, reused_tokens_ = 0, answer_tokens_ = 0, guessed_tokens_ = 0;
  std::vector<prompt_score> prompt_scores_;
};

}  // namespace hocket::language
