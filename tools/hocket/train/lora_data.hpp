// Examples of text for the training of an adapter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/gateway/tinker/served_model.hpp"
#include "engine/lora/loss/loss.hpp"
#include "graph/core/result.hpp"

namespace hocket::cli {

struct lora_data {
  std::vector<lora::training_datum> examples;
  std::string sha256;      ///< of the bytes that were read
  std::int64_t lines = 0;  ///< with an example
};

/// Reads a file with one JSON object a line: {"messages": [{"role", "content"}, ...]} (the last is what
/// is learnt, by the model's chat template), {"prompt", "completion"}, or {"text"}. Weights are 1 on
/// what is learnt and 0 elsewhere. *Errors*: train.data, naming file and line (no object, no such
/// keys, longer than `most_tokens`, a model without tokenizer or template).
result<lora_data> read_lora_data(const std::string& path, const tinker::served_model& model,
                                 std::int64_t most_tokens);

}  // namespace hocket::cli
