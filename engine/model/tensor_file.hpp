// Tensors by name to and from safetensors files. Internal header of engine/.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/core/result.hpp"

namespace hocket::engine {

using named_tensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Writes contiguous CPU tensors (fp32 or bf16).
result<void> save_tensors(const std::string& path, const named_tensors& tensors,
                          const std::map<std::string, std::string>& metadata);
/// Copies every named tensor from the file, converting to the target's type; each must be there with
/// the same shape. Gives the metadata. *Errors*: those of the file; model.missing_tensor,
/// model.bad_shape, model.bad_dtype.
result<std::map<std::string, std::string>> load_tensors(const std::string& path,
                                                        const named_tensors& tensors);

}  // namespace hocket::engine
