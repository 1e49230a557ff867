// A language model: tokens in, scores of the next token out. No torch in this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/language/network/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {
struct adapter;
struct division;
class work_pool;
}  // namespace hocket::engine

namespace hocket::language {

struct stored_weights;
struct network_weights;

/// What becomes of weights of few bits. `widened`: fp32, so that gradients pass through them. `rounded`:
/// kept, and products with bfloat16 weights round their input to bfloat16, too, several times as fast.
/// `bfloat16`: linear layers so, whatever their file has, forward and back, with fp32 sums, their adapters,
/// and the gradients of attention where there are kernels for it; tied tables are rounded, too. Twice the
/// memory of such weights. Routers, experts that lie in one tensor, heads that a file fills up and matrices
/// of an odd side are as with `widened`.
enum class block_types : std::uint8_t { kept, widened, rounded, bfloat16 };
/// For training in "fp32" or in "bfloat16", as settings call it.
inline block_types block_types_of(const std::string& precision) {
  return precision == "bfloat16" ? block_types::bfloat16 : block_types::widened;
}

/// Immutable weights that any number of sequences share.
/// *Threads*: `build` from any; a built model is used by one thread per batch of sequences.
/// *Memory*: the weights packed (block types in about their bytes, bf16 where that loses nothing, else
/// fp32); the table as the file has it, and not at all where the head holds the same numbers.
class language_model {
 public:
  /// Whether tensors are what `build` needs, which asks it first; no number is read. *Errors*:
  /// model.missing_tensor, model.bad_shape, model.unknown_tensor, model_file.unsupported_type.
  static result<void> check(const network_config& config, std::span<const stored_weights> tensors);
  /// From a checkpoint's tensors under Hugging Face's names, of any type that is read.
  /// *Errors*: those of `check`, model.engine, those of `dequantize`.
  ///
  /// With `by` (engine/transformer/divided.hpp), this process keeps its part of the weights, and all of
  /// the group make the same calls for the same tokens: each has the scores of one process, bit by bit.
  /// Attention and what sequences remember are in each; nothing is cancelled; no gradient passes through
  /// it. All weights are read, and then let go of. *Errors*: model.unsupported (weights opened for
  /// training); later language.engine, where a process of the group is gone.
  static result<std::shared_ptr<const language_model>> build(
      const network_config& config, std::span<const stored_weights> tensors,
      block_types blocks = block_types::kept, const engine::division* by = nullptr);
  ~language_model();

  const network_config& config() const { return config_; }
  const network_weights& weights() const { return *weights_; }

 private:
  language_model();
  network_config config_;
  std::unique_ptr<network_weights> weights_;
};

/// A sequence of tokens that a model has read so far.
/// Scores depend on the sequence's own tokens and the weights only, bit by bit: not on how the tokens
/// were cut into calls, not on the other sequences of a batch, not on forking.
/// *Memory*: keys and values of up to `context` positions (a layer's window, where it has one; of state
/// spaces, three states) in pages that forks share until they are written. *Threads*: one at a time.
class language_sequence {
 public:
  /// With an adapter, every token is read through it (`engine/lora` makes them).
  explicit language_sequence(std::shared_ptr<const language_model> model,
                             std::shared_ptr<const engine::adapter> adapter = nullptr);
  ~language_sequence();
  language_sequence(language_sequence&&) noexcept;
  language_sequence& operator=(language_sequence&&) noexcept;

  /// Reads tokens; gives the scores of what follows the last, [vocabulary].
  /// *Errors* (`language.*`): bad_input (no token, one outside the vocabulary; nothing changed),
  /// engine (the library below failed; the sequence is unusable).
  result<std::vector<float>> append(std::span<const std::int32_t> tokens);
  /// A copy that goes on independently; it shares what was read so far.
  language_sequence fork() const;
  /// Forgets what came after the first `length` tokens, as if it had never been read. False, and
  /// nothing changes, where those are no longer all remembered: a window or a state has moved on.
  bool rewind(std::int64_t length);
  /// Whether `rewind` to there would do it.
  bool can_rewind(std::int64_t length) const;

  /// Threads that help with this sequence's products; none: the caller's alone. Forks share them.
  void help_with(std::shared_ptr<engine::work_pool> helpers);

  std::int64_t length() const;
  std::size_t memory_bytes() const;
  /// Calls with the address and the bytes of each page, so that shared ones can be counted once.
  void visit_pages(const std::function<void(const void*, std::size_t)>& with) const;
  const language_model& model() const;

  struct state;
  state& inner() { return *state_; }

 private:
  explicit language_sequence(std::unique_ptr<state> state);
  std::unique_ptr<state> state_;
};

/// Which scores a call gives of each sequence.
enum class scores_of { last, every };

/// What one sequence reads in a pass.
struct reading {
  language_sequence* sequence;
  std::span<const std::int32_t> tokens;
  scores_of which = scores_of::last;
};

/// New tokens of several sequences of one model in one pass over the weights. scores[i] is
/// [vocabulary] after the last token of sequence i, or [tokens, vocabulary] after each.
/// It is background work: it stops within milliseconds while a micro-turn is under way
/// (engine::turn_gate), and `helpers`, or else the first sequence's, help.
/// *Errors*: as append, and language.cancelled (`stop`, looked at in each layer); then no sequence has
/// moved on.
result<std::vector<std::vector<float>>> read_batch(std::span<const reading> parts,
                                                   engine::work_pool* helpers = nullptr,
                                                   const std::stop_token* stop = nullptr);
result<std::vector<std::vector<float>>> append_batch(
    std::span<language_sequence* const> sequences,
    std::span<const std::span<const std::int32_t>> tokens, scores_of which);

}  // namespace hocket::language
