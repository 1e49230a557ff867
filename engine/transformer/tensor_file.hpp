// Tensors by name to and from safetensors files. Internal header of engine/.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/transformer/safetensors.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

using named_tensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The tensors as they are now (fp32 or bf16, copied to the CPU if they lie elsewhere, not copied
/// if not): write them before they change.
tensor_set snapshot(const named_tensors& tensors, std::map<std::string, std::string> metadata);
/// Copies every named tensor from the file, converting to the target's type; each must be there
/// with the same shape. *Errors*: model.missing_tensor, model.bad_shape, model.bad_dtype.
result<void> copy_tensors(const safetensors_file& file, const named_tensors& tensors);
/// The same from a file by its path; gives its metadata. *Errors*: those of the file, too.
result<std::map<std::string, std::string>> load_tensors(const std::string& path,
                                                        const named_tensors& tensors);

}  // namespace hocket::engine
