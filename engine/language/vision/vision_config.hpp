// The picture tower of the published Inkling 2 models: its sizes, and what a checkpoint has of it. No torch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/language/network/published.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// A vision transformer over patches, whose rows are merged into one row of a decoder each. The defaults are
/// those of Inkling 2 Small.
/// *Source*: Inkling 2 in Hugging Face transformers 5.24 (Apache-2.0), `Inkling2VisionConfig`.
struct vision_config {
  int width = 1024, layers = 23, heads = 16;
  int inner = 4096;                   ///< of a layer's MLP
  int patch = 20;                     ///< side, pixels
  int merge = 2;                      ///< patches of a side that become one row of the decoder
  int grid = 32;                      ///< side of the learnt table of places
  int projection = 4096, out = 4608;  ///< of the MLP behind it; `out`: the decoder's width
  bool projector_bias = false;
  double epsilon = 1e-5, rotary_base = 10000;

  int piece() const { return patch * merge; }  ///< pixels of a side that one row stands for
  std::int64_t head_dim() const { return width / heads; }
};

/// From a whole model's config.json, or from its `vision_config` alone.
/// *Errors* (`model.bad_config`): not JSON, a value of another kind or out of range, a tower of another
/// family, an `out` that is not the decoder's width; the message names the key.
result<vision_config> read_vision_config(std::string_view json);

/// What a published checkpoint has of the tower: names and shapes.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> vision_tensors(
    const vision_config& config);

/// Whether headers hold exactly the tower that `config` describes; those of other parts are not looked at.
/// *Errors*: model.missing_tensor, model.bad_shape, model.unknown_tensor, model_file.unsupported_type; the
/// message names the tensor.
result<void> check_vision_tensors(const vision_config& config,
                                  std::span<const tensor_header> tensors);

}  // namespace hocket::language
