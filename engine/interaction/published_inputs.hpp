// What the published Inkling makes of sound and pictures before its decoder: a bag of embeddings of dMel
// levels, and a hierarchical MLP over patches. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/transformer/parameter.hpp"
#include "engine/transformer/safetensors.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// Sizes of a checkpoint's `audio_config` and `vision_config`.
struct published_inputs_config {
  int width = 0;  ///< of the decoder
  int dmel_channels = 80, dmel_levels = 16;
  int patch = 40, patch_frames = 2, colours = 3;
  int layers = 4;
  double epsilon = 1e-6;
};

/// One layer of the MLP: `time` frames of `side` x `side` neighbours become one row.
struct picture_fold {
  int time = 1, side = 1;
  std::int64_t in = 0, out = 0;
  bool operator==(const picture_fold&) const = default;
};
/// Which folds lead from single pixels to one row of `width` per patch: prime factors of the side first,
/// then of the frames, spread over the layers by how many numbers each step leaves. Empty where
/// `layers` is below 1.
/// *Source*: the planner of Inkling in transformers (Apache-2.0), after Touvron et al., arXiv 2203.09795.
std::vector<picture_fold> plan_picture_folds(const published_inputs_config& config);

/// A picture [height, width, 3] of 8 bits, cut into patches as Inkling cuts it: rows of patches from the
/// top, one column more than fits, what lies outside filled with -1 before the colours are normalised;
/// [patches, frames, patch, patch, 3], every frame the same.
/// *Errors* (`model.bad_input`): no pixels, or not height * width * 3 of them; `model.bad_config`: a
/// patch of another size than the front end takes, or of other than 3 colours.
result<at::Tensor> picture_patches(std::span<const std::uint8_t> pixels, std::int64_t height,
                                   std::int64_t width, const published_inputs_config& config);

/// The two front ends with their weights.
/// *Threads*: immutable once read. *Memory*: the table in fp32, matrices packed (bfloat16 where that
/// loses nothing).
class published_inputs {
 public:
  /// From a checkpoint's tensors under their published names (`model.audio.*`, `model.visual.*`).
  /// *Errors*: model.bad_config (a size is out of range, named), model.missing_tensor, model.bad_shape:
  /// found out before anything of that size is made.
  static result<published_inputs> read(const safetensors_file& file,
                                       const published_inputs_config& config);

  /// Frames [n, channels] of dMel levels -> [n, width]. A row's bits depend on that frame alone.
  /// *Errors* (`model.bad_input`): no whole frames, or a level that the table does not have.
  result<at::Tensor> sound(std::span<const std::uint8_t> frames) const;
  /// Patches [n, frames, patch, patch, colours] fp32 -> [n, width]. A row's bits depend on that patch
  /// alone. *Errors* (`model.bad_input`): another shape.
  result<at::Tensor> picture(const at::Tensor& patches) const;

 private:
  published_inputs() = default;
  struct layer {
    picture_fold fold;
    matrix projection;
    at::Tensor gain;  ///< undefined for the last
  };
  published_inputs_config config_;
  at::Tensor sound_table_, sound_gain_, picture_gain_;
  std::vector<layer> layers_;
};

}  // namespace hocket::engine
