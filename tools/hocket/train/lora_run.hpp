// A run of `hocket train lora`, whoever computes its steps: curve, validation, card.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "actors/trainer/data/datum.hpp"
#include "engine/lora/trainer.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/hocket/train/lora_origin.hpp"
#include "tools/hocket/train/lora_recipe.hpp"

namespace hocket::cli {

using examples = std::vector<lora::training_datum>;

/// What is trained on, and what is only looked at.
struct all_data {
  trainer::read_examples learnt, held;
  lora_origin origin(const lora_recipe& r) const {
    return {learnt.sha256, held.sha256, r.licence, r.consent, r.precision};
  }
};

/// Mean loss of a target of what is not trained on: of the model by itself, and now.
struct validation {
  std::optional<double> before, after;
};

/// Who computes.
struct lora_steps {
  std::int64_t done = 0;  ///< steps before this run
  std::function<result<double>(std::span<const lora::training_datum> batch, double rate)> step;
  std::function<result<double>(std::span<const lora::training_datum> held)> mean_loss;
  std::function<result<void>()> save;
};

/// Steps until the end or a signal, with rows of the curve; saves now and then, and at the end. Errors: those of
/// `by`, files.*
result<void> run_lora_steps(const lora_recipe& r, const lora_steps& by, const all_data& all,
                            const trust::folder& out, bool json, validation& v);

/// The card beside the adapter, and in the ledger where the recipe names one.
result<void> write_lora_card(const lora_recipe& r, const trust::folder& out,
                             const lora::adapter_files& files, std::int64_t steps,
                             const all_data& data, const validation& v);
/// What would be in its way after hours of training is told before them.
result<void> lora_card_place(const lora_recipe& r, const trust::folder& out);

/// The recipe at its service, with the words of its model: an exit code.
int run_lora_at_service(const lora_recipe& r, const train_options& o, const all_data& data,
                        const trust::folder& out);

}  // namespace hocket::cli
