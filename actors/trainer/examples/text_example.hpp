#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graph/core/result.hpp"
#include "graph/core/training_example.hpp"

namespace hocket::trainer {

/// A training example of words: one tensor `json`, u8 [bytes], that holds a JSON object. For a language
/// model it is what a line of a data file of `hocket train lora` is: {"messages", "tools"},
/// {"segments": [{"text", "learnt"}]}, {"prompt", "completion"} or {"text"}.
training_example json_example(const nlohmann::json& what, std::string provenance);

/// Errors: train.data where there is no such tensor, or no JSON object of at most 1 MiB
/// and 64 levels in it.
result<nlohmann::json> json_of(const training_example& from);

}  // namespace hocket::trainer
