// From a checkpoint's tensors to the transformer's weights. Internal header: it shows ATen types.
#pragma once

#include <functional>
#include <string>

#include "engine/language/files/tensor_type.hpp"
#include "engine/language/network/config.hpp"
#include "engine/transformer/transformer.hpp"

namespace hocket::language {

/// The tensor of this name; null where the checkpoint has none.
using tensor_source = std::function<const stored_weights*(const std::string& name)>;

/// What a network is made of.
struct network_weights {
  at::Tensor table;  ///< [vocabulary, width]
  engine::transformer trunk;
  engine::matrix head;  ///< [vocabulary, width]
};

/// Reads the weights of a network under Hugging Face's names and packs them for streaming: block types
/// as groups, bfloat16 as such, all else as fp32. *Errors*: model.missing_tensor, model.bad_shape,
/// those of `dequantize`; the message names the tensor.
result<network_weights> read_weights(const network_config& config, const tensor_source& source);

}  // namespace hocket::language
