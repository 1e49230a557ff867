// What a model is made of: sizes, the layout of a micro-turn, the attention of each layer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::engine {

/// Positions of one 200 ms micro-turn, in the order of the sequence:
/// audio in, video in, text in (inputs), then text out, speech out (outputs).
struct layout_config {
  int audio = 4;     ///< 50 ms dMel frames
  int video = 0;     ///< 40x40 RGB patches, two frames folded
  int text_in = 1;   ///< tokens: keyboard, background results
  int text_out = 2;  ///< tokens the model writes
  int speech = 4;    ///< 50 ms mel patches the model says

  int inputs() const { return audio + video + text_in; }
  int outputs() const { return text_out + speech; }
  int positions() const { return inputs() + outputs(); }
};

/// Attention of every layer. A layer sees `window` positions (itself included), 0 = all.
struct attention_config {
  int heads = 4;
  int kv_heads = 4;   ///< divides heads (grouped queries)
  int head_dim = 64;  ///< even
  int window = 300;
  int global_every = 0;  ///< every n-th layer sees all positions; 0 = none
  bool rotary = true;
  double rotary_base = 10000;
  /// Video and text in share one rotary position: they happen at once, and a model may get or lose
  /// such slots without moving what it has learnt about the others.
  bool rotary_shared = false;
  int relative_extent = 0;  ///< learned bias per head and distance below this; 0 = none
  bool qk_norm = true;      ///< RMS norm of queries and keys per head, with a learned gain
};

/// Draws one mel patch per 50 ms frame from the hidden state by flow matching.
struct flow_config {
  int patch = 320;  ///< 4 mel frames of 12.5 ms x 80
  int width = 384;
  int blocks = 3;
  int expansion = 2;    ///< hidden width of a block's MLP / width
  int condition = 128;  ///< width of what modulates the blocks: hidden state and flow time
};

struct model_config {
  layout_config layout;
  attention_config attention;
  flow_config flow;
  int width = 256;
  int layers = 6;
  int feed_forward = 640;
  int vocabulary = 0;  ///< number of tokens; 0 is "nothing"
  int dmel_channels = 80;
  int dmel_bins = 16;
  int audio_context = 1;  ///< frames summed into one audio embedding: this one and those before it
  int video_patch = 40;   ///< pixels on a side
  int video_frames = 2;   ///< frames in one patch
  int video_width = 64;   ///< channels after the stem's first fold; the second has twice as many
  double norm_epsilon = 1e-6;

  int attention_window(int layer) const {
    const bool global = attention.global_every > 0 && (layer + 1) % attention.global_every == 0;
    return global ? 0 : attention.window;
  }
  /// Numbers in the patches of one micro-turn: [video, video_frames, 40, 40, 3].
  std::int64_t video_size() const {
    return std::int64_t{layout.video} * video_frames * video_patch * video_patch * 3;
  }
  /// Where position `p` of the sequence lies for rotary embeddings.
  std::int64_t rotary_position(std::int64_t p) const {
    if (!attention.rotary_shared) return p;
    const std::int64_t positions = layout.positions(), slot = p % positions;
    const std::int64_t shared = std::max(0, layout.video + layout.text_in - 1);
    const std::int64_t at =
        slot < layout.audio ? slot : std::max<std::int64_t>(layout.audio, slot - shared);
    return p / positions * (positions - shared) + at;
  }
};

/// Reads the "model" object of a config.json. *Errors*: unknown key, wrong type, value out of range;
/// the message names the key.
result<model_config> parse_model_config(std::string_view json);
std::string to_json(const model_config& config);

}  // namespace hocket::engine
