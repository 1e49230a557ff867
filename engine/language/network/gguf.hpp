// A GGUF file's network: its configuration and its tensors under the names of a checkpoint. No torch.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/language/files/gguf.hpp"
#include "engine/language/network/config.hpp"

namespace hocket::language {

/// Reads the metadata of the architectures llama (Mistral and SmolLM2 too), qwen2, qwen3, qwen3moe,
/// gpt-oss, gemma3, deepseek2 (V3 and Kimi K2), nemotron, nemotron_h and nemotron_h_moe.
/// *Errors*: as those of a config.json, with the keys of the GGUF.
result<network_config> read_network_config(const gguf_file& file, std::int64_t context = 0);

/// The file's tensors as `language_model::build` takes them; experts that lie in one tensor come one
/// by one. The bytes stay where they are.
std::vector<stored_weights> checkpoint_tensors(const gguf_file& file);

}  // namespace hocket::language
