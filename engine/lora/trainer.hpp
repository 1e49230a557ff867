// Training of one low-rank adapter on a language model. No torch in this header.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/language/network/model.hpp"
#include "engine/lora/loss/loss.hpp"
#include "engine/lora/peft/peft.hpp"

namespace hocket::lora {

/// For reading through: immutable, shared by any number of sequences.
using adapter_handle = std::shared_ptr<const engine::adapter>;

/// An adapter as PEFT keeps it.
struct adapter_files {
  std::string config;   ///< adapter_config.json
  std::string weights;  ///< adapter_model.safetensors
};

/// *Errors*: lora.* (bad_config, unsupported, missing_tensor, unknown_tensor, bad_shape, not_finite),
/// safetensors.*; each names what cannot be applied.
result<adapter_handle> open_adapter(const language::language_model& model,
                                    const adapter_files& files);

/// AdamW with decoupled decay, as torch.optim.AdamW.
struct adam_params {
  double learning_rate = 1e-4, beta1 = 0.9, beta2 = 0.95, eps = 1e-12;
  double weight_decay = 0;
  double grad_clip_norm = 0;  ///< of all gradients together; 0: none
};
/// *Errors* (`lora.bad_params`): the key and its range.
result<void> check(const adam_params& params);

/// Muon: each matrix A and B moves along its orthogonalised momentum (Nesterov), `learning_rate` times
/// sqrt(max(1, rows / columns)); so far that a rate of AdamW is too small by about a hundred times.
struct muon_params {
  double learning_rate = 0.02, momentum = 0.95;
  double weight_decay = 0;    ///< decoupled
  double grad_clip_norm = 0;  ///< of all gradients together; 0: none
};
/// *Errors* (`lora.bad_params`): the key and its range.
result<void> check(const muon_params& params);

/// Log probabilities of every datum's targets [N * K], and the sum of the losses.
struct pass_result {
  std::vector<std::vector<float>> logprobs;
  double loss = 0;
};

/// One adapter, its moments and its pending gradients. Log probabilities are, bit for bit, those that
/// sampling through `snapshot()` gives, and do not depend on what else is in a call.
///
/// *Threads*: one at a time. *Memory*: weights, moments and gradients in fp32; activations of
/// at most `rows_at_once` tokens, or of one sequence that is longer (of more trainers: joint_passes). *Errors*: loss.bad_input (nothing
/// has changed, whichever datum it is), lora.not_finite (the same), lora.engine.
class trainer {
 public:
  static constexpr std::int64_t rows_at_once = 512;

  /// *Errors*: lora.bad_config, lora.few_bits (the model was opened with block types kept).
  static result<std::unique_ptr<trainer>> create(
      std::shared_ptr<const language::language_model> model, lora_config config,
      std::uint64_t seed);
  /// From files; with `optimizer` the moments and the number of steps as `optimizer_state` gave them,
  /// else fresh ones.
  static result<std::unique_ptr<trainer>> open(
      std::shared_ptr<const language::language_model> model, const adapter_files& files,
      const std::string* optimizer);
  ~trainer();

  result<pass_result> forward(const loss_config& loss, std::span<const training_datum> data) const;
  /// Adds to the pending gradients.
  result<pass_result> forward_backward(const loss_config& loss,
                                       std::span<const training_datum> data);
  /// One step of AdamW with the pending gradients (zero where there are none), which it takes. Gives
  /// metrics by name. *Errors*: lora.bad_params; nothing has changed.
  result<std::map<std::string, double>> step(const adam_params& params);
  /// The same by Muon. One run should keep to one of them: they share the first moment.
  result<std::map<std::string, double>> muon_step(const muon_params& params);

  adapter_handle snapshot() const;
  adapter_files files() const;
  std::string optimizer_state() const;  ///< safetensors
  const lora_config& config() const;
  std::int64_t steps() const;

 private:
  friend class joint_passes;
  struct state;
  explicit trainer(std::unique_ptr<state> state);
  std::unique_ptr<state> state_;
};

}  // namespace hocket::lora
