#pragma once

#include <map>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::tinker {

/// Owner by API key, from a file with a line `KEY OWNER` for each; lines that begin with # are left out.
/// Without a path: none. *Errors*: tinker.bad_keys, naming the line, never a key.
result<std::map<std::string, std::string>> read_api_keys(const std::string& path);

/// "SmolLM2-135M.Q4_1.gguf" -> "local/SmolLM2-135M.Q4_1"
std::string own_name(const std::string& model_path);

}  // namespace hocket::tinker
