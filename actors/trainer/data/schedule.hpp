#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/lora/trainer.hpp"

namespace hocket::trainer {

/// How many examples a step has, and how far each moves.
struct schedule {
  std::int64_t steps = 100, batch = 8, warmup = 0;
  double rate = 2e-4;  ///< the highest; falls to 0 at the end
  std::uint64_t seed = 1;

  double rate_at(std::int64_t step) const;
};

/// What is learnt of them, in targets; at least 1.
double targets_of(std::span<const lora::training_datum> some);

/// The examples of a step, their weights scaled so that the loss is a mean, as float32: a service that gets
/// them in messages computes with the same numbers. Every epoch has an order of
/// its own, which depends on the seed only: a resumed run takes the same.
std::vector<lora::training_datum> batch_of(std::span<const lora::training_datum> all,
                                           const schedule& s, std::int64_t step);

/// A step with the pending gradients. `optimizer`: adamw (epsilon 1e-8) or muon. *Errors*: lora.*
result<void> move_by(lora::trainer& t, const std::string& optimizer, double rate, double decay,
                     double clip);

}  // namespace hocket::trainer
