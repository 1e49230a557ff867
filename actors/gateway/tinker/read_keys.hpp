#pragma once

#include <string>

#include "actors/gateway/tinker/keys/api_keys.hpp"

namespace hocket::tinker {

/// Keys of a file; without a path: none. *Errors*: files.*, tinker.bad_keys (also a file without a key).
result<api_keys> read_api_keys(const std::string& path);

/// "SmolLM2-135M.Q4_1.gguf" -> "local/SmolLM2-135M.Q4_1"
std::string own_name(const std::string& model_path);

}  // namespace hocket::tinker
