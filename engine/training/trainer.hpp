// Steps of training over a list of parameters: no files, no loop, no schedule, no settings of the
// process. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/training/optimizer.hpp"
#include "engine/training/workers.hpp"
#include "engine/transformer/choice_count.hpp"
#include "engine/transformer/safetensors.hpp"
#include "graph/core/result.hpp"
#include "graph/core/training_example.hpp"

namespace hocket::engine {

/// Sums over examples, by name; what they mean is the model's business.
using loss_sums = std::map<std::string, double>;

/// A model as a trainer sees it.
class trainable {
 public:
  virtual ~trainable() = default;
  virtual std::vector<parameter> parameters() = 0;
  /// The same weights with gradients of their own: what one worker differentiates.
  virtual std::unique_ptr<trainable> alias() const = 0;
  /// Loss of one example, a number; adds to `sums`. Noise depends on `seed` only. *Errors*:
  /// train.bad_example. *Threads*: of different aliases side by side.
  virtual result<at::Tensor> loss(const training_example& example, std::uint64_t seed,
                                  loss_sums& sums) const = 0;
};

struct trainer_config {
  optimizer_config optimizer;
  std::uint64_t seed = 1;  ///< of the noise in the losses
  int workers = 2;         ///< threads; each takes one example at a time
  std::string only;        ///< prefix of the names that learn; empty: all learn
  /// Decay of the weights' running average over steps, 0 to 1; 0: none is kept. The first steps count
  /// less: at step t it is at most t / (t + 9).
  double average = 0;
  /// By how much a step moves an expert's correction: up where it took fewer rows than the mean of its layer,
  /// down where more; 0: corrections stay. Choices alone change, so it stands beside the losses.
  /// *Source*: Wang et al. 2024, arXiv:2408.15664; DeepSeek-V3, section 2.1.2.
  double balance = 0;
};

/// *Threads*: called by one; uses `workers` of its own. *Memory*: moments (and the average, where one
/// is kept) beside the weights, and gradients per worker during a step. With one worker, the same steps
/// give the same bits; more workers add gradients up in any order, so two runs differ by rounding.
class trainer {
 public:
  /// `model` stays the caller's and outlives the trainer.
  trainer(trainable& model, const trainer_config& config);

  /// Averages the examples' losses, differentiates them and updates the parameters; `rate_scale`
  /// multiplies the rates. Where experts are balanced, the sums have `expert_layers` and `expert_peak`: over
  /// them, the rows of the busiest expert over the mean. *Errors*: train.bad_example (nothing changed), train.diverged (a loss is
  /// not finite; nothing changed).
  result<loss_sums> step(std::span<const training_example> examples, double rate_scale);
  std::int64_t steps() const { return steps_; }

  /// Weights, moments, average and the number of steps: what `restore` takes to go on with the same
  /// bits.
  tensor_set save() const;
  /// A checkpoint without an average begins one here. *Errors*: model.missing_tensor, model.bad_shape,
  /// model.bad_dtype, train.bad_checkpoint; after one of them the trainer is of no use.
  result<void> restore(const safetensors_file& checkpoint);
  /// Weights alone, their average where one is kept; matrices as bfloat16 if `half`.
  tensor_set export_weights(bool half) const;

 private:
  using named = std::vector<std::pair<std::string, at::Tensor>>;
  named everything() const;  ///< without the average
  named averages() const;
  void begin_average();
  void add_to_average(std::size_t i);
  void balance_experts(const choice_counts& counts, loss_sums& sums);

  trainable& model_;
  trainer_config config_;
  optimizer optimizer_;
  worker_pool pool_;
  std::vector<at::Tensor> averages_;  ///< of each parameter, once a step is done; empty: none
  std::int64_t steps_ = 0, averaged_ = 0;
};

}  // namespace hocket::engine
