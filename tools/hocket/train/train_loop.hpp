// The loop around a trainer: data, schedule of the rate, checkpoints, curve. What belongs to the
// process (files, the allocator's settings) is here and not in engine/training.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/training/interaction_trainer.hpp"

namespace hocket::cli {

/// One run. The rate warms up, stays, and falls linearly to 0 over the last `decay_steps`; a run may
/// be extended or decayed at any time from any checkpoint.
struct train_config : engine::interaction_training {
  std::string output;  ///< folder of checkpoints and curves
  std::int64_t steps = 10000;
  std::int64_t warmup_steps = 100;
  std::int64_t decay_steps = 2000;
  int batch = 8;  ///< conversations per step
  std::int64_t log_every = 20;
  double checkpoint_minutes = 4;
  std::string from;          ///< folder of a model to begin with, trained or published; empty: none
  engine::vocabulary words;  ///< of the model; needed with `from`
  bool resume = false;       ///< go on from the newest checkpoint in `output`
  std::int64_t decay_now = 0;  ///< with resume: end after this many steps, all decaying
};

/// Means since the last report.
struct train_progress : engine::training_means {
  std::int64_t step = 0, steps = 0;
  double rate_scale = 0;  ///< of the schedule, 0 to 1
  double seconds_per_step = 0, seconds = 0;
};

/// Share of the full rate at step `step`, 0 to 1.
double rate_scale(const train_config& config, std::int64_t step);

/// Sees how a run goes; false stops it.
using train_report = std::function<bool(const train_progress&, const engine::interaction_trainer&)>;

/// Trains until `steps` are done or `report` says stop (false); writes `checkpoint.safetensors`
/// (weights, moments, step) by rename, and a row per report to `curve.csv`. Gives the trainer as it is
/// then.
/// *Errors*: train.resume (no or unfitting checkpoint), train.from (see warm_start, published_start), train.io, those
/// of the trainer.
/// *Threads*: blocks; makes the conversations of a step and trains on them with `workers` threads.
/// Data order depends on the seed and the step only.
result<engine::interaction_trainer> train(train_config config, const engine::example_source& source,
                                          const train_report& report);

/// Weights only, as bfloat16, with config.json beside them: what the engine loads.
result<void> write_model(const engine::interaction_trainer& trainer,
                         const engine::model_config& config, const std::string& folder);

}  // namespace hocket::cli
