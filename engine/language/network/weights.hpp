// From a checkpoint's tensors to the transformer's weights. Internal header: it shows ATen types.
#pragma once

#include <functional>
#include <string>

#include "engine/language/network/config.hpp"
#include "engine/transformer/transformer.hpp"

namespace hocket::language {

/// The tensor of this name as fp32; undefined where the checkpoint has none.
using tensor_source = std::function<at::Tensor(const std::string& name)>;

/// What a network is made of.
struct network_weights {
  at::Tensor table;  ///< [vocabulary, width]
  engine::transformer trunk;
  engine::matrix head;  ///< [vocabulary, width]
};

/// Reads the weights of a network under Hugging Face's names, packs them for streaming and lets the
/// fp32 values go. *Errors*: model.missing_tensor, model.bad_shape; the message names the tensor.
result<network_weights> read_weights(const network_config& config, const tensor_source& source);

}  // namespace hocket::language
