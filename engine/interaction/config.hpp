// What an interaction model is made of: sizes, the layout of a micro-turn, its transformer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/transformer/config.hpp"
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

/// Attention of all layers. A layer sees `window` positions (itself included), 0 = all.
struct attention_settings {
  int heads = 4;
  int kv_heads = 4;   ///< divides heads (grouped queries)
  int head_dim = 64;  ///< even
  int window = 300;
  int global_every = 0;  ///< every n-th layer sees all positions; 0 = none
  int context = 4096;    ///< positions that such a layer remembers in a session
  bool rotary = true;
  double rotary_base = 10000;
  /// Video and text in share one rotary position: they happen at once, and a model may get or lose
  /// such slots without moving what it has learnt about the others.
  bool rotary_shared = false;
  int relative_extent = 0;  ///< learned bias per head and distance below this; 0 = none
  bool qk_norm = true;      ///< RMS norm of queries and keys per head, with a learned gain
};

/// The layers of the published Inkling models in place of plain ones. `gates` and `residuals` take a part of
/// the second generation by itself: 0 without it, 1 with it, -1 as the generation has it.
struct backbone_settings {
  int generation = 0;        ///< 0: plain layers; 1: Inkling's; 2: Inkling 2's
  int kernel = 4;            ///< positions of the short convolutions, the row's own included
  int relative_rank = 16;    ///< profiles that a row's bias by distance is mixed of
  double clip = 0;           ///< largest L2 norm of queries and keys; 0: sqrt(512). Generation 2
  double relative_clip = 8;  ///< the same of what mixes the profiles
  /// Scores of layers without a window grow from this position on, with this rate times its logarithm.
  int length_from = 0;  ///< 0: they do not
  double length_rate = 0.1;
  int gates = -1;      ///< gated output of attention, and sinks that each row computes
  int residuals = -1;  ///< layers add to blocks and read from them
  int experts = 0;     ///< 0: one feed-forward
  int chosen = 2;
  int shared = 0;          ///< experts that every row passes; generation 1
  double route_scale = 1;  ///< of the chosen experts' sum
  int dense = 0;           ///< first layers without experts; generation 1
  int dense_feed_forward = 640;
  int block = 2;  ///< layers that add to one block
  int loop_begin = 0, loop_end = 0,
      loop_passes = 1;  ///< layers that run several times; with residuals
  int loop_gate_rank = 16;

  bool gated() const { return gates < 0 ? generation == 2 : gates > 0; }
  bool reads_blocks() const { return residuals < 0 ? generation == 2 : residuals > 0; }
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
  attention_settings attention;
  backbone_settings backbone;
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

  /// Numbers in the patches of one micro-turn: [video, video_frames, 40, 40, 3].
  std::int64_t video_size() const {
    return std::int64_t{layout.video} * video_frames * video_patch * video_patch * 3;
  }
  /// The transformer under this model.
  transformer_config trunk() const;
};

/// Reads the "model" object of a config.json. *Errors*: unknown key, wrong type, value out of range;
/// the message names the key.
result<model_config> parse_model_config(std::string_view json);
std::string to_json(const model_config& config);

}  // namespace hocket::engine
