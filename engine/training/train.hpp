// Training an interaction model from scratch on synthetic conversations. No torch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/model/config.hpp"
#include "engine/text/vocabulary.hpp"
#include "engine/training/example.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// One run. The rate warms up, stays, and falls linearly to 0 over the last `decay_steps`; a run may
/// be extended or decayed at any time from any checkpoint.
struct train_config {
  model_config model;
  std::string output;  ///< folder of checkpoints and curves
  std::uint64_t seed = 1;
  std::int64_t steps = 10000;
  std::int64_t warmup_steps = 100;
  std::int64_t decay_steps = 2000;
  int batch = 8;    ///< conversations per step
  int workers = 2;  ///< threads; each takes one conversation at a time
  std::int64_t log_every = 20;
  double checkpoint_minutes = 4;
  double matrix_rate = 0.015, rate = 3e-3;
  double text_weight = 4, heard_weight = 6, gate_weight = 1, flow_weight = 0.3;
  double spoken_weight = 1;
  bool only_voice = false;  ///< only the flow head learns; what the model writes stays as it is
  int flow_frames = 64;     ///< of a conversation
  double speech_noise = 0.3, token_dropout = 0.03, frequency_warp = 0.06;
  /// Folder of a trained model to begin with instead of fresh weights; see warm_start. Empty: none.
  std::string from;
  vocabulary words;            ///< of the model; needed with `from`
  bool resume = false;         ///< go on from the newest checkpoint in `output`
  std::int64_t decay_now = 0;  ///< with resume: end after this many steps, all of them decaying
};

/// Means since the last report.
struct train_progress {
  std::int64_t step = 0, steps = 0;
  double rate_scale = 0;  ///< of the schedule, 0 to 1
  double loss_text = 0, loss_heard = 0, loss_gate = 0, loss_flow = 0;
  double word_recall = 0;    ///< teacher-forced: words exact in their slot
  double word_false = 0;     ///< words where there should be none or others, per true word
  double heard_recall = 0;   ///< words recognised in the frame in which they end
  double spoken_recall = 0;  ///< frames of the model's voice that know their word
  double seconds_per_step = 0, seconds = 0;
};

/// Trains until `steps` are done or `stop` says so; writes checkpoints `checkpoint.safetensors`
/// (weights, moments, step) by rename, and a row per report to `curve.csv`.
/// *Errors*: train.resume (no or unfitting checkpoint), train.from (see warm_start), train.io, train.diverged (loss not finite).
/// *Threads*: blocks; uses `workers` threads of its own and one torch thread in each.
/// Data order depends on the seed and the step only; sums over workers are not ordered, so two runs
/// differ by rounding.
result<void> train(const train_config& config, const example_source& source,
                   const std::function<bool(const train_progress&)>& report);

/// Writes weights only, in fp32 or bf16, with config.json beside them: what the engine loads.
result<void> export_model(const std::string& checkpoint, const std::string& folder, bool half);

}  // namespace hocket::engine
