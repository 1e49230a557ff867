// The one transformer: configured, never subclassed; for training, evaluation and streaming. Knows
// rows of numbers and nothing of what they mean. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/transformer/config.hpp"
#include "engine/transformer/divided.hpp"
#include "engine/transformer/ops.hpp"

namespace hocket::engine {

class transformer {
 public:
  /// Without weights; `initialise` draws some, or whoever reads a file fills `layers`.
  explicit transformer(transformer_config config);
  /// Fresh weights of a transformer of plain layers, or of those of the published Inkling models: a linear
  /// layer keeps the variance of its input, and layers that end a residual branch are zero.
  void initialise(const at::Generator& generator);

  /// x [rows, width] -> normalised states [rows, width].
  at::Tensor forward(at::Tensor x, const row_map& rows) const;

  /// Keeps this process' part of packed matrices; of experts every one whose number, modulo the group's
  /// size, is the process'. Attention and what streams remember stay whole.
  void divide(const division& by);

  /// Appends "layers.<i>.<part>" and "final_norm": all that have values.
  void list(parameter_list& parameters);
  const transformer_config& config() const { return config_; }
  /// How many places its matrices have in an adapter; others come behind them.
  int matrices() const { return matrices_; }

  /// Undefined where the config has none.
  struct norm_weights {
    at::Tensor gain, shift;  ///< [width]
  };
  struct linear_weights {
    matrix weight;
    at::Tensor bias;  ///< [out]
  };
  struct latent_weights {
    linear_weights query_down, query_up, down,
        up;  ///< down: [rank + rotary_dim, width]
    norm_weights query_norm, norm;
  };
  /// In place of `qkv` where attention_config::apart.
  struct apart_weights {
    linear_weights queries;  ///< and mixes of profiles, and sinks
    linear_weights keys, values, gate;
    linear_weights key_taps, value_taps;  ///< of dynamic convolutions, [kv_heads * kernel, width]
    norm_weights key_norm, value_norm;    ///< where they have inputs of their own
    at::Tensor query_scale, mix_scale;    ///< [heads * head_dim], [heads * relative_rank]
    at::Tensor key_kernel, value_kernel;  ///< convolutions' taps, [kernel, channels]
  };
  struct state_space_weights {
    linear_weights in, out;
    state_space_vectors vectors;
  };
  struct attention_weights {
    norm_weights norm, branch_norm;  ///< `norm`: of state spaces, too
    linear_weights qkv, out;
    latent_weights latent;  ///< in place of `qkv`
    apart_weights apart;
    attention_vectors vectors;
    at::Tensor kernel;  ///< of the convolution over what it adds, [kernel, width]
    at::Tensor asks;    ///< what it reads from blocks: [1, width] for all, or [3, width]
  };
  struct dense_weights {
    linear_weights up, down;  ///< up: gates before ups, [2 * width, in]
  };
  struct feed_forward_weights {
    norm_weights norm, branch_norm;
    dense_weights dense;  ///< the feed-forward, or the shared experts
    linear_weights router;
    at::Tensor correction;  ///< [experts] added to scores for choosing
    std::vector<dense_weights> experts;
    std::shared_ptr<process_group> peers;  ///< each has some of the experts; null: all are here
    at::Tensor scale;                      ///< [1]
    at::Tensor kernel;  ///< of the convolution over what it adds, [kernel, width]
    at::Tensor asks;    ///< what it reads from blocks: [1, width]
  };
  /// How much of a state is kept and of a message taken.
  struct gate_weights {
    linear_weights down, forget, take;  ///< down: [rank, 2 * width]
  };
  struct layer {
    attention_weights attention;
    feed_forward_weights feed;
    state_space_weights state_space = {};
    std::vector<gate_weights> messages;  ///< of queries, keys, values, feed; in a loop only
    at::Tensor asks;                     ///< messages of the pass before: [4, width]
  };
  layer& layer_at(int i) { return layers_[i]; }
  const layer& layer_at(int i) const { return layers_[i]; }
  norm_weights& final_norm() { return final_norm_; }
  at::Tensor& final_asks() { return final_asks_; }

 private:
  /// Which layer, what it remembers as, and whom it serves.
  struct visit {
    int layer, memory;
    const std::vector<rotation>& turns;
    const row_map& rows;
  };
  /// What a branch reads: one state, or one each for queries, keys and values.
  struct three {
    at::Tensor queries, keys, values;
  };
  /// States where layers add to blocks: finished ones and the running sum.
  struct depth {
    std::vector<at::Tensor> blocks;
    at::Tensor sum;
    std::vector<at::Tensor> all() const;
  };
  at::Tensor normalise(const at::Tensor& x, const norm_weights& w) const;
  at::Tensor attention(const three& x, const visit& at) const;
  at::Tensor state_space(const at::Tensor& x, const visit& at) const;
  at::Tensor attend_to(const at::Tensor& qkv, const visit& at) const;
  at::Tensor latent_qkv(const at::Tensor& x, int i, const row_map& rows) const;
  at::Tensor apart_qkv(const three& x, const visit& at) const;
  at::Tensor feed_forward(const at::Tensor& x, const visit& at) const;
  /// The rows that an expert takes: those of the pass, and of the choices, row by row.
  struct taken_rows {
    int expert;
    std::vector<std::int64_t> row, place;
  };
  at::Tensor experts(const at::Tensor& x, int i, const row_map& rows,
                     const ops::routing& choice) const;
  at::Tensor expert(const at::Tensor& x, int i, const row_map& rows, const ops::routing& choice,
                    const taken_rows& taken) const;
  std::vector<at::Tensor> experts_of_all(const at::Tensor& x, int i, const row_map& rows,
                                         const ops::routing& choice,
                                         const std::vector<taken_rows>& parts) const;
  at::Tensor shared(const at::Tensor& x, int i, const row_map& rows,
                    const at::Tensor& weight) const;
  at::Tensor convolved_branch(const at::Tensor& x, const at::Tensor& taps, convolved which,
                              const visit& at) const;
  at::Tensor through_blocks(const at::Tensor& x, const std::vector<rotation>& turns,
                            const row_map& rows) const;
  void pass_layer(depth& state, const depth* before, const visit& at) const;
  at::Tensor take_message(const at::Tensor& x, const at::Tensor& message, const gate_weights& w,
                          const row_map& rows) const;

  transformer_config config_;
  int matrices_ = 0;
  std::vector<layer> layers_;
  norm_weights final_norm_;
  at::Tensor final_asks_;  ///< [1, width]
};

}  // namespace hocket::engine
