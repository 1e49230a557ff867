#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "engine/lora/trainer.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {

/// What a resumed run of training an adapter goes on from.
struct lora_checkpoint {
  lora::adapter_files files;
  std::string moments;    ///< of the optimizer
  nlohmann::json origin;  ///< what it was begun with; null: not known
  double seconds = 0;     ///< that its steps took; 0: not known
};

/// The adapter where PEFT finds it (`adapter_config.json`, `adapter_model.safetensors`), and `checkpoint`: one file, so
/// that weights and moments are of one step whatever happens between two writes. *Errors*: files.*
result<void> write_checkpoint(const trust::folder& out, const lora_checkpoint& c);
/// *Errors*: train.bad_checkpoint, files.*
result<lora_checkpoint> read_checkpoint(const trust::folder& out);

}  // namespace hocket::cli
