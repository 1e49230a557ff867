// A language model's configuration and where it comes from. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/transformer/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// A decoder of tokens: a table, the transformer, a head.
struct network_config {
  std::string family;  ///< as `model_type` of a config.json names it
  engine::transformer_config trunk;
  int vocabulary = 0;
  int table_rows = 0;            ///< of the table and the head in files; 0: `vocabulary`
  bool tied = false;             ///< the head is the table
  double embedding_scale = 1;    ///< of what comes from the table
  double logit_softcap = 0;      ///< logits become softcap * tanh(logit / softcap); 0: they do not
  double logit_scale = 1;        ///< logits are multiplied by it, before any softcap
  bool embedding_norm = false;   ///< what comes from the table gets an RMS norm with gains
  bool gains_minus_one = false;  ///< the files hold the gains of norms less one
};

/// Reads Hugging Face's config.json of the families llama, mistral, qwen2, qwen3, qwen3_moe, gpt_oss,
/// deepseek_v3, kimi_k2, nemotron, nemotron_h, gemma3_text, and of Inkling, Inkling 2 and its looped
/// Mini (of the whole model or of the decoder). `context` bounds what a session remembers, 0: what the
/// file says.
/// *Errors* (`model.bad_config`): not JSON, a value is missing, of another kind or out of range, a
/// feature that is not supported; the message names the key. `model.unsupported`: another family,
/// with those that are read.
result<network_config> read_network_config(std::string_view json, std::int64_t context = 0);

}  // namespace hocket::language
