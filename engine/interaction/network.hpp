// The interaction model: embeddings of its slots, heads and flow around the transformer; one
// definition for training, evaluation and streaming. Internal header of engine/.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/interaction/config.hpp"
#include "engine/transformer/transformer.hpp"

namespace hocket::engine {

class network {
 public:
  /// Fresh weights drawn from `seed`.
  network(const model_config& config, std::uint64_t seed);
  /// Same storage, own gradients: what a training worker differentiates.
  network alias() const;

  /// Embeddings of one kind of slot, without the slot vector, [n, width].
  /// index: [n, audio_context * channels] i32 rows of the table, see audio_index.
  at::Tensor embed_audio(const at::Tensor& index) const;
  at::Tensor embed_text(const at::Tensor& tokens) const;     ///< [n] i64
  at::Tensor embed_speech(const at::Tensor& patches) const;  ///< [n, patch]
  at::Tensor embed_video(const at::Tensor& patches) const;   ///< [n, frames, 40, 40, 3] in 0..1
  at::Tensor embed_no_video(std::int64_t n) const;  ///< the learnt "no picture", [n, width]
  /// Adds the slot's vector and normalises: x [n, width], slots [n] i64 position in the micro-turn.
  at::Tensor place(const at::Tensor& x, const at::Tensor& slots) const;

  /// x [rows, width] -> normalised states [rows, width].
  at::Tensor trunk(const at::Tensor& x, const row_map& rows) const {
    return trunk_.forward(x, rows);
  }

  /// Next output token, [n, vocabulary].
  at::Tensor text_logits(const at::Tensor& states, adapters_by_row adapters = {}) const;
  /// Word that ended here, [n, vocabulary].
  at::Tensor heard_logits(const at::Tensor& states, adapters_by_row adapters = {}) const;
  /// Next frame has voice, [n, 1].
  at::Tensor gate_logits(const at::Tensor& states, adapters_by_row adapters = {}) const;
  /// Part of the flow's condition that stays the same over its steps, [n, condition].
  at::Tensor flow_condition(const at::Tensor& states, adapters_by_row adapters = {}) const;
  /// Velocity of patches x [n, patch] at flow times t [n].
  at::Tensor velocity(const at::Tensor& x, const at::Tensor& t, const at::Tensor& condition) const;

  std::vector<parameter> parameters();
  const model_config& config() const { return config_; }
  const transformer_config& trunk_config() const { return trunk_.config(); }
  std::int64_t parameter_count();

 private:
  struct flow_block {
    matrix modulate, up, down;
  };

  model_config config_;
  transformer trunk_;
  at::Tensor audio_table_, token_table_, slot_table_, embed_gain_, no_video_;
  matrix speech_in_, video_fold_[3], text_head_, heard_head_, gate_head_;
  matrix flow_state_, flow_time_, flow_in_, flow_modulate_, flow_out_;
  std::vector<flow_block> flow_blocks_;
};

/// Rows of the audio table for frames of dMel bins: frames [n, channels], the first `context - 1`
/// frames of a stream see bin 0 before it starts. `previous` holds the context - 1 frames before.
void audio_index(const model_config& config, const std::uint8_t* frames, std::int64_t n,
                 const std::uint8_t* previous, std::int32_t* index);

}  // namespace hocket::engine
