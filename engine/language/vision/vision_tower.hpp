// Pictures as rows of a decoder, by the picture tower of the published Inkling 2 models. No torch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/language/files/tensor_type.hpp"
#include "engine/language/vision/vision_config.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// A picture as the tower takes it: pieces in rows from the top, each [piece, piece, 3] in -1 to 1.
struct picture_pieces {
  int rows = 0, columns = 0;
  std::vector<float> pixels;  ///< [rows * columns, piece, piece, 3]
};

/// Cuts a picture [height, width, 3] of 8 bits; what lies outside is filled with -1 of 255.
/// *Errors* (`model.bad_input`): no pixels, not height * width * 3 of them, more than `most_pieces`.
result<picture_pieces> cut_picture(std::span<const std::uint8_t> pixels, std::int64_t height,
                                   std::int64_t width, const vision_config& config);

/// The tower with its weights.
/// *Memory*: matrices packed (bfloat16 where that loses nothing), the rest fp32; of a picture the rows of one
/// layer, and scores of 256 patches at a time (of fewer where there are over 16 heads). *Threads*: immutable; `see`
/// may be called by several.
class vision_tower {
 public:
  /// 2560 x 2560 pixels at the published sizes; as many patches and pixels at others.
  static constexpr std::int64_t most_pieces = 4096;

  /// From a checkpoint's tensors under their published names (`model.visual.*`), of one file or of shards.
  /// *Errors*: as `check_vision_tensors`, found out before anything of that size is made; model.engine (no
  /// memory).
  static result<vision_tower> read(const vision_config& config,
                                   std::span<const stored_weights> tensors);

  /// Rows [rows * columns, out], one for each piece, in order. They depend on this picture alone.
  /// *Errors* (`model.bad_input`): another number of pixels, more than `most_pieces`; model.engine.
  result<std::vector<float>> see(const picture_pieces& picture) const;

  const vision_config& config() const { return config_; }

 private:
  struct weights;
  vision_tower(const vision_config& config, std::shared_ptr<const weights> w)
      : config_(config), weights_(std::move(w)) {}
  vision_config config_;
  std::shared_ptr<const weights> weights_;
};

}  // namespace hocket::language
