// Checkpoints of the published Inkling models: their names, and whether their headers fit a config. No torch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/language/network/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// What a file's header says of one tensor.
struct tensor_header {
  std::string name;
  std::string dtype;  ///< as safetensors writes it: `BF16`, `F8_E4M3`, `U8`, ...
  std::vector<std::int64_t> shape;
};

/// The name in a published checkpoint of what Hugging Face's module calls `name`; `second`: of Inkling 2.
std::string published_name(std::string name, bool second);

/// Whether a checkpoint is exactly what `config` describes, from its headers alone: every tensor there,
/// of its shape, and none of the decoder that has no place. Experts may be MXFP8 (F8_E4M3 with a power of
/// two per 32 numbers) or NVFP4 (two E2M1 codes a byte, F8_E4M3 scales per 16, factors per expert).
/// Nothing of the tensors' size is made.
/// *Errors*: model.missing_tensor, model.bad_shape, model.unknown_tensor; the message names the tensor.
result<void> check_tensors(const network_config& config, std::span<const tensor_header> tensors);

}  // namespace hocket::language
