// A language model from its files. No torch in this header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/language/network/model.hpp"

namespace hocket::language {

/// `path`: a GGUF file, or a folder with config.json and model.safetensors (or its shards with
/// model.safetensors.index.json). `context` bounds what a sequence remembers; 0: what the model says. `by`:
/// as `language_model::build`.
/// *Errors*: model.no_files (neither), model_file.* (a damaged or unsupported file), model.*
/// (configuration, weights); each names the file.
/// *Memory*: the files are mapped while they are read; the model keeps its own packed copy.
result<std::shared_ptr<const language_model>> open_language_model(
    const std::string& path, std::int64_t context = 0, block_types blocks = block_types::kept,
    const engine::division* by = nullptr);

/// Only what the files say of the model: no weights are read. *Errors*: as above.
result<network_config> read_model_config(const std::string& path, std::int64_t context = 0);

}  // namespace hocket::language
