// Examples of words as token sequences of one model.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/language/generation/chat_model.hpp"
#include "engine/lora/loss/loss.hpp"
#include "graph/core/training_example.hpp"

namespace hocket::trainer {

/// One example as what the model reads and what it learns: `inputs` has target_tokens [N] and weights
/// [N], 1 on what is learnt and 0 elsewhere.
///
/// {"messages": [{"role", "content", ...}, ...], "tools"}: the last message is learnt, by the model's chat
/// template. {"segments": [{"text", "learnt"}, ...]}: one text, in parts. {"prompt", "completion"};
/// {"text"}. *Errors*: train.data (no such keys, fewer than two tokens, more than `most_tokens`, nothing
/// is learnt, a model without a chat template), tokenizer.*, template.*.
result<lora::training_datum> datum_of(const nlohmann::json& example,
                                      const language::chat_words& words, std::int64_t most_tokens);

/// The same of a packet: its tensor `json`, or `tokens` (i32 or i64 [N + 1]) with `weights` (f32 [N + 1], what
/// is learnt of each token; without it all is).
result<lora::training_datum> datum_of(const training_example& example,
                                      const language::chat_words& words, std::int64_t most_tokens);

/// The examples of a file.
struct read_examples {
  std::vector<lora::training_datum> examples;
  std::string sha256;      ///< of the bytes that were read
  std::int64_t lines = 0;  ///< with an example
};

/// Every example of a file with one JSON object a line. *Errors*: train.data, naming file and line.
result<read_examples> read_data(const std::string& path, const language::chat_words& words,
                                std::int64_t most_tokens);

}  // namespace hocket::trainer
