// Who computes the steps of a round: this process, or a service. No torch.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "actors/trainer/rounds.hpp"
#include "engine/lora/trainer.hpp"
#include "graph/core/result.hpp"

namespace hocket::trainer {

/// False: the round is to end, with train.stopped. Asked after each small slice of work, and while an
/// answer is waited for.
using goes_on = std::function<bool()>;

/// One adapter and its optimizer over the rounds.
/// Threads: one at a time. Errors of each: train.stopped, and those of who computes.
class learner {
 public:
  virtual ~learner() = default;
  /// A round begins: from where the last one ended, or from what `back_to` said.
  virtual result<void> begin(const goes_on&) = 0;
  /// The summed loss of data that is not learnt.
  virtual result<double> loss_of(std::span<const lora::training_datum> data, const goes_on&) = 0;
  /// One step on a batch; gives its loss.
  virtual result<double> step(std::span<const lora::training_datum> batch, double rate,
                              const goes_on&) = 0;
  /// The round ends well: the adapter as it is now, checked.
  virtual result<lora::adapter_files> end(const goes_on&) = 0;
  /// The round is over, however it ended.
  virtual void leave() {}
  /// The next round goes on from an adapter that `end` gave, with a fresh optimizer; empty: from none.
  virtual result<void> back_to(const std::string& config, const std::string& weights) = 0;
};

inline tl::unexpected<error> stopped() { return fail("train.stopped", "the round was ended"); }

/// In this process. Errors: lora.*, loss.*
std::unique_ptr<learner> make_engine_learner(const round_settings& s,
                                             std::shared_ptr<const language::language_model> model,
                                             const std::string& base_name);

}  // namespace hocket::trainer
