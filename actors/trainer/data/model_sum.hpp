#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::trainer {

/// SHA-256 of a model's weights: of a GGUF file; of a folder, of the sums of its configuration and files of
/// weights in the order of their names. *Errors*: model_file.io.
result<std::string> model_sha256(const std::string& path);

}  // namespace hocket::trainer
