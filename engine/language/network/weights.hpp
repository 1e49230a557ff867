// From a checkpoint's tensors to the transformer's weights. Internal header: it shows ATen types.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/language/files/tensor_type.hpp"
#include "engine/language/network/config.hpp"
#include "engine/language/network/model.hpp"
#include "engine/transformer/transformer.hpp"

namespace hocket::language {

/// The tensor of this name; null where the checkpoint has none.
using tensor_source = std::function<const stored_weights*(const std::string& name)>;

/// What a network is made of.
struct network_weights {
  at::Tensor
      table;  ///< [vocabulary, width] fp32; undefined where one of the next two has its numbers
  struct {
    tensor_type type = tensor_type::f32;
    std::vector<std::byte> bytes;
  } stored_table;         ///< as the file has it; empty where the head holds the same
  at::Tensor table_gain;  ///< [width], where what comes from the table is normalised
  engine::transformer trunk;
  engine::matrix head;  ///< [vocabulary, width]
  /// Processes that hold these weights together; null: all are here.
  std::shared_ptr<engine::process_group> peers;
};

/// Rows of the table [n, width], scaled as the network wants it; `ids` are within the vocabulary.
at::Tensor embed(const network_weights& w, const network_config& c,
                 std::span<const std::int64_t> ids);

/// Scores [rows, vocabulary] of normalised states [rows, width], whose rows may take adapters.
std::vector<float> scores_from(const at::Tensor& states, const network_config& config,
                               const engine::matrix& head, engine::adapters_by_row adapters);

/// Reads the weights of a network under Hugging Face's names and packs them for streaming: block types
/// as groups (or widened), bfloat16 as such, all else as fp32. Every linear layer but routers gets a
/// matrix::id of its own. *Errors*: model.missing_tensor, model.bad_shape,
/// those of `dequantize`; the message names the tensor.
result<network_weights> read_weights(const network_config& config, const tensor_source& source,
                                     block_types blocks = block_types::kept);

/// Whether `read_weights` finds every tensor in its shape and of a type that is read; reads no number.
/// *Errors*: model.missing_tensor, model.bad_shape, model_file.unsupported_type.
result<void> check_weights(const network_config& config, const tensor_source& source);

}  // namespace hocket::language
