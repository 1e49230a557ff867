// What a transformer is made of: its width, and layer by layer its attention and its feed-forward.
// Families of models differ in these values only.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/transformer/rotary.hpp"

namespace hocket::engine {

/// Queries, keys and values through narrow vectors (DeepSeek-V2, section 2.1): a head's key is
/// `plain_dim` numbers of its own, which are not rotated, and `rotary_dim` that all heads share.
struct latent_config {
  int query_rank = 0;  ///< width of the queries' narrow vector; 0: queries come from the state
  int rank = 0;        ///< of keys and values; 0: attention is not latent
  int plain_dim = 0, rotary_dim = 0;
};

/// Scores grow with a row's position: times 1 + rate * ln(max(1, (position + 1) / from)).
struct length_scale_config {
  double from = 0;  ///< 0: they do not
  double rate = 0;
  double of(std::int64_t position) const {
    const double n = static_cast<double>(position + 1);
    return from > 0 && n > from ? 1 + rate * std::log(n / from) : 1;
  }
};

/// Attention of one layer.
struct attention_config {
  int heads = 4;
  int kv_heads = 4;         ///< divides heads (grouped queries)
  int head_dim = 64;        ///< of a query and a key; at most 256
  int value_dim = 0;        ///< of a value; 0: as head_dim
  int window = 0;           ///< positions seen, itself included; 0 = all
  int rotary = 0;           ///< which of the transformer's rotary embeddings; -1 = none
  int relative_extent = 0;  ///< learnt bias per head and distance below this; 0 = none
  bool qk_norm = false;     ///< RMS norm of queries and keys per head, with a learnt gain
  bool bias = false;        ///< queries, keys and values have one
  bool out_bias = false;
  bool sinks = false;  ///< a learnt score per head that takes attention from all positions
  double scale = 0;    ///< of scores; 0: 1 / sqrt(head_dim)
  double softcap = 0;  ///< scores become softcap * tanh(score / softcap); 0: they do not
  latent_config latent = {};
  /// Inkling: queries, keys and values have matrices of their own, between which convolutions fit.
  bool apart = false;
  int relative_rank = 0;  ///< the learnt bias is each row's own mix of this many profiles; 0: fixed
  bool row_sinks = false;    ///< sinks that each row computes
  bool gated = false;        ///< what comes out is multiplied by a sigmoid of the input
  double clip = 0;           ///< of queries and keys: their largest L2 norm; values get an RMS norm
  double relative_clip = 0;  ///< the same of what mixes the profiles
  length_scale_config lengths = {};

  int values() const { return value_dim > 0 ? value_dim : head_dim; }
  int key_width() const { return kv_heads * head_dim; }
  int value_width() const { return kv_heads * values(); }
  /// Of a row that attention gets: queries, keys, values, mixes of profiles, sinks.
  int qkv_width() const {
    return heads * head_dim + key_width() + value_width() + heads * relative_rank +
           (row_sinks ? heads : 0);
  }
  int out_width() const { return heads * values(); }
};

/// Mamba-2 in attention's place (Dao and Gu 2024, arXiv:2405.21060, section 7): short convolutions, then
/// heads that each keep a matrix [head_dim, state], let it decay, and add to it at every position.
struct state_space_config {
  int heads = 0;
  int head_dim = 64;
  int state = 128;        ///< numbers that each of a head's channels keeps
  int groups = 1;         ///< of heads that write and read in one direction; divides heads
  int kernel = 4;         ///< positions of the convolutions, the row's own included
  bool bias = false;      ///< of what comes in and goes out
  bool taps_bias = true;  ///< of the convolutions
  double least_step = 0;  ///< time steps are at least this

  int inner() const { return heads * head_dim; }
  /// Channels of the convolutions: the heads' inputs, what they write with, what they read with.
  int convolved() const { return inner() + 2 * groups * state; }
  /// Of a row that comes in: gates, channels of the convolutions, time steps.
  int row_width() const { return inner() + convolved() + heads; }
  std::int64_t state_size() const { return std::int64_t{inner()} * state; }
};

enum class activation_kind : std::uint8_t {
  silu_gated,     ///< silu(gate) * up
  gelu_gated,     ///< gelu(gate) * up, the tanh form
  clamped_gated,  ///< GPT-OSS: gate <= 7, |up| <= 7; gate * sigmoid(1.702 gate) * (up + 1)
  relu_squared,   ///< max(0, up)^2, no gate
  capped_gated,  ///< Inkling 2: cap(gate, 4) * sigmoid(gate) * cap(up, 25), cap(x, c) = c tanh(x/c)
};
inline bool is_gated(activation_kind kind) { return kind != activation_kind::relu_squared; }

enum class router_kind : std::uint8_t {
  softmax,  ///< probabilities of all experts, then the best
  chosen,   ///< the best, then the softmax over their scores
  sigmoid,  ///< each on its own; chosen by score + learnt correction
};

/// Mixture of experts in place of one feed-forward (`count` 0: none).
struct experts_config {
  int count = 0, chosen = 0;
  int shared = 0;  ///< feed-forwards of this many expert widths that every row passes
  router_kind router = router_kind::softmax;
  bool router_bias = false;
  bool normalise = true;  ///< weights of the chosen sum to 1 before `scale`
  double scale = 1;
  bool shared_scored = false;  ///< the router weighs the shared experts, too (sigmoid router)
  int shared_width = 0;        ///< of the shared feed-forward; 0: `shared` expert widths
  int groups = 1,
      groups_chosen = 1;  ///< only experts of the best groups count (sigmoid router)
};

/// Feed-forward of one layer: down(activation(up x)).
struct feed_forward_config {
  activation_kind activation = activation_kind::silu_gated;
  int width = 0;  ///< of the hidden numbers; with experts: of one expert's
  bool bias = false;
  bool scaled = false;  ///< what comes out is multiplied by a learnt number
  experts_config experts = {};
};

/// Short causal convolutions over a layer's keys, its values, and what each branch adds: a channel
/// becomes scale * (itself + the sum over the last `kernel` positions of a tap times it).
struct convolution_config {
  int kernel = 0;        ///< positions, the row's own included; 0: none
  bool dynamic = false;  ///< taps of keys and values: learnt + a row's own, by head
  double scale = 1;
  double dynamic_scale = 1;  ///< in place of `scale` where taps are dynamic
};

/// Which of a layer's convolutions.
enum class convolved : std::uint8_t { keys, values, attention, feed };

/// How a layer's rows learn of each other.
enum class mixer_kind : std::uint8_t { attention, state_space, none };

struct layer_config {
  attention_config attention = {};
  feed_forward_config feed_forward = {};  ///< of width 0: none
  convolution_config convolution = {};
  mixer_kind mixer = mixer_kind::attention;
  state_space_config state_space = {};  ///< in place of `attention`

  bool feeds() const { return feed_forward.width > 0; }
};

/// In place of one stream of states: sums of `layers` layers become blocks, and every branch reads
/// what a learnt query finds among the blocks and the running sum.
struct depth_config {
  int layers = 0;         ///< of a block; 0: one stream
  double epsilon = 1e-6;  ///< of the norm of what is read
};

/// Layers `begin` to `end` - 1 run `passes` times. Later passes begin with the state before the first
/// and read messages of the pass before through gates. `begin` and `end` are borders of blocks.
struct loop_config {
  int begin = 0, end = 0, passes = 1;
  int gate_rank = 0;
};

enum class norm_kind : std::uint8_t { rms, layer };

struct transformer_config {
  int width = 0;
  norm_kind norm = norm_kind::rms;
  double norm_epsilon = 1e-6;
  bool branch_norms = false;  ///< what a branch adds is normalised, too (Gemma)
  std::vector<rotary_config> rotary;
  std::vector<layer_config> layers;
  depth_config depth;
  loop_config loop;
  /// Positions that a layer without a window remembers of a running stream; older ones are
  /// forgotten.
  std::int64_t context = 4096;
  /// Streams remember in pages that copies share, instead of in rings (CPU without gradients).
  bool pages = false;
  /// Linear layers are in bfloat16 (ops::pack_for_training), so their adapters and, where there are kernels
  /// for it, the gradients of attention are, too.
  bool bfloat16 = false;

  /// Which layer each pass through one remembers as: all once, then the repeated ones again.
  std::vector<int> memories() const {
    std::vector<int> all;
    for (int i = 0; i < static_cast<int>(layers.size()); ++i) all.push_back(i);
    for (int pass = 1; pass < loop.passes; ++pass)
      for (int i = loop.begin; i < loop.end; ++i) all.push_back(i);
    return all;
  }
};

}  // namespace hocket::engine
