// The one transformer: configured, never subclassed; for training, evaluation and streaming. Knows
// rows of numbers and nothing of what they mean. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/transformer/config.hpp"
#include "engine/transformer/ops.hpp"

namespace hocket::engine {

class transformer {
 public:
  /// Without weights; `initialise` draws some, or whoever reads a file fills `layers`.
  explicit transformer(transformer_config config);
  /// Fresh weights of a transformer without experts and latent attention: a linear layer keeps the
  /// variance of its input, and layers that end a residual branch are zero.
  void initialise(const at::Generator& generator);

  /// x [rows, width] -> normalised states [rows, width].
  at::Tensor forward(at::Tensor x, const row_map& rows) const;

  /// Appends "layers.<i>.<part>" and "final_norm": all that have values.
  void list(parameter_list& parameters);
  const transformer_config& config() const { return config_; }

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
  struct attention_weights {
    norm_weights norm, branch_norm;
    linear_weights qkv, out;
    latent_weights latent;  ///< in place of `qkv`
    attention_vectors vectors;
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
  };
  struct layer {
    attention_weights attention;
    feed_forward_weights feed;
  };
  layer& layer_at(int i) { return layers_[i]; }
  const layer& layer_at(int i) const { return layers_[i]; }
  norm_weights& final_norm() { return final_norm_; }

 private:
  at::Tensor normalise(const at::Tensor& x, const norm_weights& w) const;
  at::Tensor attention(const at::Tensor& x, int i, const std::vector<rotation>& turns,
                       const row_map& rows) const;
  at::Tensor latent_qkv(const at::Tensor& x, int i, const row_map& rows) const;
  at::Tensor feed_forward(const at::Tensor& x, int i, const row_map& rows) const;
  at::Tensor experts(const at::Tensor& x, int i, const row_map& rows) const;

  transformer_config config_;
  std::vector<layer> layers_;
  norm_weights final_norm_;
};

}  // namespace hocket::engine
