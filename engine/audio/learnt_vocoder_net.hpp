// The network inside the learnt vocoder. Internal header of engine/audio.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/audio/speech_mel.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// Causal separable convolutions over mel frames, one frame at a time; network.py beside the training
/// script is the same. Sums go in a fixed order: a frame's result does not depend on how frames are cut.
class vocoder_net {
 public:
  /// log2 of the pitch over 160 Hz, then what both filters add to the log-mel of the frame before.
  static constexpr std::size_t outputs = 1 + 2 * speech_format::channels;

  struct memory {
    std::vector<float> mel;                  // [2, channels]: the frames before
    std::vector<std::vector<float>> blocks;  // each [kernel - 1, width]
  };

  static result<vocoder_net> open(const std::string& path);
  /// As if only zeros, and frames at the floor, had come.
  memory fresh() const;
  void step(memory& kept, std::span<const float> mel, std::span<float> out) const;

 private:
  /// out = bias + in * weights, weights [in, out].
  struct matrix {
    std::vector<float> weights, bias;
    void apply(std::span<const float> in, std::span<float> out) const;
  };
  struct block {
    std::vector<float> along, along_bias;  // [kernel, width]
    matrix up, down;
  };

  std::size_t width_ = 0, kernel_ = 0;
  matrix enter_, leave_;  // enter: [3 * channels, width]
  std::vector<block> blocks_;
};

}  // namespace hocket::engine
