// hocket train with `adapter:`: an adapter of a trained interaction model, on synthetic conversations.
#pragma once

#include <functional>

#include "tools/hocket/train/train_file.hpp"

namespace hocket::cli {

/// Trains `plan.adapter` of the model in `plan.engine.from` until `steps` are done or `report` says stop; writes the
/// adapter as `interaction.model` and PEFT's readers take it (with `card.json` and `README.md`), `checkpoint` and
/// `curve.csv` into `plan.engine.output`. `held_out`: conversations that it is measured by, before and after.
/// *Errors*: train.from (no such model, other words), train.resume, train.other_recipe, those of
/// lora::conversation_trainer, files.*
/// *Threads*: blocks.
result<void> train_adapter(const train_plan& plan, const engine::example_source& source,
                           const engine::example_source& held_out,
                           const std::function<bool(const train_progress&)>& report);

}  // namespace hocket::cli
