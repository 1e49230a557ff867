// What an adapter was trained on: in its checkpoint, so that a resumed run goes on with the same.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::cli {

struct lora_origin {
  std::string data_sha256;        ///< of the file of examples, as it was read
  std::string validation_sha256;  ///< empty: none
  std::string licence, consent;
  std::string precision = "fp32";  ///< of the model's products
};

nlohmann::json to_json(const lora_origin& o);

/// Whether a run with `now` may go on from a checkpoint that says `before` of itself (`to_json`'s, or null).
/// *Errors*: train.other_data, naming each thing that differs, or that the checkpoint does not say
/// (of precision: one that says nothing was begun in fp32).
result<void> check_origin(const nlohmann::json& before, const lora_origin& now,
                          const std::string& checkpoint);

}  // namespace hocket::cli
