#pragma once

#include <optional>
#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::encoder {

/// RGB u8 [height, width, 3] scaled to another size: each target pixel is the mean of the area it
/// covers when it shrinks, linear between neighbours when it grows.
std::vector<std::uint8_t> scaled(std::span<const std::uint8_t> pixels, std::int32_t width,
                                 std::int32_t height, std::int32_t to_width,
                                 std::int32_t to_height);

/// `video.patches`: pictures as the interaction model sees them.
///
/// Inputs: video: RGB frames of any size.
/// Outputs: patches: tensor u8 [N, 2, 40, 40, 3], N = (height / 40) * (width / 40) in rows of the
/// picture, two frames folded into each patch; ts = ts of the second frame.
/// Frames are taken on the grid of `frames_per_s`: the first that comes at or after each instant.
/// Where none has come for a second, each micro-turn is bounded: nobody waits for a camera that is off.
/// Errors: none. Counters: skipped_frames, missed_frames (instants without one), bad_frames.
class patches final : public component {
 public:
  static constexpr std::int32_t side = 40;
  static constexpr std::int32_t fold = 2;

  struct config {
    std::int64_t width = 160;
    std::int64_t height = 120;
    double frames_per_s = 4;
    void visit(config_visitor& v) {
      v.field({.name = "width",
               .doc = "scaled to this; rounded up to a multiple of 40",
               .unit = "pixels",
               .min = 40,
               .max = 3840},
              width);
      v.field({.name = "height",
               .doc = "scaled to this; rounded up to a multiple of 40",
               .unit = "pixels",
               .min = 40,
               .max = 2160},
              height);
      v.field({.name = "frames_per_s",
               .doc = "rate at which frames are taken",
               .unit = "1/s",
               .min = 0.1,
               .max = 60},
              frames_per_s);
    }
  };
  static component_info info();

  explicit patches(config c) : config_(c) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;

 private:
  config config_;
  context context_;
  std::optional<timestamp> newest_;  ///< of the frames that came
  std::int32_t width_ = 0;
  std::int32_t height_ = 0;
  std::int64_t due_ = INT64_MIN;     ///< next instant of the grid
  std::vector<std::uint8_t> first_;  ///< the pair's first frame, scaled
};

}  // namespace hocket::encoder
