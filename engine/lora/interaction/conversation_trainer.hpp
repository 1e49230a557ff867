// Adapters of interaction models: opened for sessions, and trained on conversations. No torch in this
// header.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "engine/interaction/model.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/training/interaction_trainer.hpp"

namespace hocket::lora {

/// For `engine::session::adapt` of sessions of this model. *Errors*: as of a language model's; each names
/// the module or the tensor that does not fit, with both shapes.
result<adapter_handle> open_adapter(const engine::interaction_model& model,
                                    const adapter_files& files);

/// One adapter of an interaction model and its moments. `training` says the weights of the losses and
/// their noise; its model, rates and workers are not used.
///
/// *Threads*: one at a time. *Memory*: weights, moments and gradients in fp32, and the activations of one
/// conversation. *Errors*: train.bad_example (nothing has changed, whichever example it is), lora.not_finite
/// (the same), lora.engine, lora.no_device (a model that is not on the CPU).
class conversation_trainer {
 public:
  static result<std::unique_ptr<conversation_trainer>> create(
      std::shared_ptr<const engine::interaction_model> model, lora_config config,
      const engine::interaction_training& training);
  /// From files; with `optimizer` the moments and the number of steps as `optimizer_state` gave them,
  /// else fresh ones.
  static result<std::unique_ptr<conversation_trainer>> open(
      std::shared_ptr<const engine::interaction_model> model, const adapter_files& files,
      const engine::interaction_training& training, const std::string* optimizer);
  ~conversation_trainer();

  /// Averages the losses of conversations and moves the adapter by one step of AdamW. Gives the losses
  /// before it. *Errors*: lora.bad_params, too.
  result<engine::training_means> step(std::span<const training_example> conversations,
                                      const adam_params& params);
  /// The losses alone, with the noise of `seed`.
  result<engine::training_means> measure(std::span<const training_example> conversations,
                                         std::uint64_t seed) const;

  adapter_handle snapshot() const;
  adapter_files files() const;
  std::string optimizer_state() const;  ///< safetensors
  std::int64_t steps() const;

 private:
  struct state;
  explicit conversation_trainer(std::unique_ptr<state> state);
  std::unique_ptr<state> state_;
};

}  // namespace hocket::lora
