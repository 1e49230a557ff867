// A trainer of interaction models. No torch in this header.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "engine/interaction/model.hpp"
#include "engine/training/example.hpp"
#include "engine/transformer/safetensors.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

struct interaction_training {
  model_config model;
  std::uint64_t seed = 1;  ///< of fresh weights and of the noise in the losses
  int workers = 2;         ///< threads; each takes one conversation at a time
  double matrix_rate = 0.015, rate = 3e-3;
  double text_weight = 4, heard_weight = 6, gate_weight = 1, flow_weight = 0.3;
  double spoken_weight = 1;
  double average = 0;       ///< of the weights over steps (trainer_config); exported in their place
  double balance = 1e-3;    ///< of experts (trainer_config); without experts nothing
  bool only_voice = false;  ///< only the flow head learns; what the model writes stays as it is
  int flow_frames = 64;     ///< of a conversation
  double speech_noise = 0.3, token_dropout = 0.03, frequency_warp = 0.06;
};

/// What the losses of one or more steps come to: means over their conversations.
struct training_means {
  double loss_text = 0, loss_heard = 0, loss_gate = 0, loss_flow = 0;
  double word_recall = 0;    ///< teacher-forced: words exact in their slot
  double word_false = 0;     ///< words where there should be none or others, per true word
  double heard_recall = 0;   ///< words recognised in the frame in which they end
  double spoken_recall = 0;  ///< frames of the model's voice that know their word
  double expert_peak = 0;    ///< rows of a layer's busiest expert over the mean; 0: no experts
};

training_means means_of(const std::map<std::string, double>& sums);

/// *Errors*: train.torch (the library below failed) beside those of the engine's `trainer`.
/// *Threads*, bits: as there.
class interaction_trainer {
 public:
  explicit interaction_trainer(const interaction_training& options);
  ~interaction_trainer();
  interaction_trainer(interaction_trainer&&) noexcept;

  /// Begins with what a trained model has learnt; see warm_start. *Errors*: train.from.
  result<void> start_from(const interaction_model& trained, const vocabulary& words);
  /// Begins with the layers of a published checkpoint, on which `on_published_layers` has put the config.
  /// *Errors*: train.from; it names the folder.
  result<void> start_from_published(const std::string& folder);

  /// One step; `rate_scale` multiplies the rates. Adds what the losses say to the sums behind
  /// `means`.
  result<void> step(std::span<const training_example> examples, double rate_scale);
  std::int64_t steps() const;
  /// Over the steps since the last call.
  training_means take_means();

  /// A checkpoint; metadata: step, seed, model. Write it before the next step.
  tensor_set save() const;
  result<void> restore(const safetensors_file& checkpoint);
  /// What `interaction_model::load` takes beside `to_json(model)` and a vocabulary.
  tensor_set export_weights(bool half) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Whether a folder holds a published language model, and no interaction model.
bool is_published(const std::string& folder);
/// `sizes` on the layers of the published Inkling checkpoint in `folder`: its width, attention, experts,
/// blocks, loop; slots, audio and flow stay. Reads config.json alone. *Errors* (`train.from`): no such model,
/// or a part that an interaction model's config has no word for; each difference is named.
result<model_config> on_published_layers(const std::string& folder, const model_config& sizes);

/// One torch thread in each of this process's threads, as workers side by side need it.
/// Process-wide.
void use_one_torch_thread();

}  // namespace hocket::engine
