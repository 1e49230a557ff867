#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::trainer {

/// SHA-256 of a model's weights: of a GGUF file; of a folder, of the sums of its configuration and files of
/// weights in the order of their names. Files that did not change since are not read again. *Threads*: any;
/// it reads all of the model. *Errors*: model_file.io.
result<std::string> model_sha256(const std::string& path);

/// Whether there are weights: a folder may have the words of a model alone.
bool holds_weights(const std::string& path);

/// Changes when one of those files does, and reads none; empty: they cannot be looked at.
std::string model_stamp(const std::string& path);

}  // namespace hocket::trainer
