// The operations a model is made of. Each has four paths behind one name:
//   training   fp32 on CPU while gradients are recorded: bfloat16 products, own backward kernels
//   streaming  fp32 on CPU without gradients: every row's result is independent of the number of rows
//   exact      the streaming path's bits with gradients, where `exact_gradients` asks for it
//   plain      everything else (CUDA, double precision): the same formulas written with ATen
// Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/transformer/adapter.hpp"
#include "engine/transformer/config.hpp"
#include "engine/transformer/parameter.hpp"

namespace hocket::engine {

class kv_cache;

/// Learnt vectors of one attention layer; undefined where the config has none.
struct attention_vectors {
  at::Tensor q_gain, k_gain;  ///< [head_dim]
  at::Tensor bias;            ///< [heads, relative_extent]
  at::Tensor sinks;           ///< [heads]
  at::Tensor bank;            ///< [relative_rank, relative_extent]
};

/// What the rows of an activation [rows, width] are: whole sequences from position 0, or, when
/// streaming, new rows of running streams. Rows may take adapters.
struct row_map {
  struct stream {
    kv_cache* memory;
    std::int64_t first;  ///< position of the first row
    std::int64_t count;
  };
  std::int64_t sequences = 1, length = 0;
  std::vector<stream> streams;              ///< empty: whole sequences
  std::vector<adapter_rows> adapters = {};  ///< disjoint spans of rows, ascending
  /// Whole sequences of these lengths, in place of `sequences` of `length`.
  std::vector<std::int64_t> lengths = {};

  /// Position of every row, in order.
  std::vector<std::int64_t> positions() const;
  /// Length of every whole sequence; none when streaming.
  std::vector<std::int64_t> whole() const;
};

/// cos and sin of the rotation of some positions, [n, pairs] each.
struct rotation {
  at::Tensor cosine, sine;
};

/// What attention needs to know besides its rows' numbers.
struct attention_call {
  const attention_config& config;
  const attention_vectors& vectors;
  const rotary_config* rotary;  ///< null: positions are not rotated
  const rotation* turn;         ///< of every row; null with `rotary`
  int layer;                    ///< its place in a kv_cache
  double epsilon;               ///< of the norm of queries and keys
  const row_map& rows;
  bool pages = false;           ///< as transformer_config::pages
  bool half_gradients = false;  ///< of bfloat16 products; as transformer_config::bfloat16
};

/// Learnt vectors of one state-space layer.
struct state_space_vectors {
  at::Tensor taps, taps_bias;  ///< [kernel, convolved] by distance back, [convolved] or undefined
  at::Tensor step_bias;        ///< [heads]
  at::Tensor decay;            ///< [heads], below 0
  at::Tensor skip;             ///< [heads]
  at::Tensor gain;             ///< [inner]
};

/// What a scan needs to know besides its rows' numbers.
struct scan_call {
  const state_space_config& config;
  const state_space_vectors& vectors;
  int layer;       ///< its place in a kv_cache
  double epsilon;  ///< of the norm of what comes out
  const row_map& rows;
};

/// What a convolution needs to know besides its rows' numbers.
struct convolution_call {
  convolved which;
  int layer;  ///< its place in a kv_cache
  int kernel;
  double scale;
  const row_map& rows;
};

namespace ops {

/// x [n, in] -> [n, out]; rows of adapters get their low-rank part on top.
at::Tensor linear(const at::Tensor& x, const matrix& w, adapters_by_row adapters = {});
/// x / rms(x) * gain over the last dimension; gain may be undefined.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
/// (x - mean) / deviation * gain + shift over the last dimension; shift may be undefined.
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon);
/// x [n, 2f], gates before ups, or [n, f] where the activation has no gate -> [n, f].
at::Tensor activate(const at::Tensor& x, activation_kind kind);
at::Tensor silu(const at::Tensor& x);
/// Residual sum x + y.
at::Tensor add(const at::Tensor& x, const at::Tensor& y);
/// Sum of table rows: index [n, j] i32, table [rows, d] -> [n, d].
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
/// qkv [rows, qkv_width], all queries, all keys, all values -> [rows, out_width].
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
/// Short causal convolution (convolution_config): x [rows, channels], taps [kernel, channels] by distance
/// back; own [rows, heads * kernel], or undefined: what a row adds to the taps of each head.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& taps, const at::Tensor& own,
                    const convolution_call& call);
/// A state-space layer between its projections: rows [n, row_width], gates, channels, time steps ->
/// [n, inner], gated and then normalised by group.
at::Tensor scan(const at::Tensor& rows, const scan_call& call);
/// x [n, heads * d] times gain [heads * d] (or undefined), then each head no longer than `limit`.
at::Tensor clip(const at::Tensor& x, const at::Tensor& gain, std::int64_t heads, double limit);
/// x * sigmoid(gate).
at::Tensor gate(const at::Tensor& x, const at::Tensor& gate);
/// (1 - tanh(forget)) * x + tanh(take) * message.
at::Tensor mix(const at::Tensor& x, const at::Tensor& message, const at::Tensor& forget,
               const at::Tensor& take);
/// What each of queries [q, width] finds in the RMS-normalised sources, [n, width] each: q of [n, width].
std::vector<at::Tensor> look_back(const std::vector<at::Tensor>& sources, const at::Tensor& queries,
                                  double epsilon);
/// Rotations for these positions, computed in double, in the type and on the device of `like`.
rotation rotate(const rotary_config& rotary, const std::vector<std::int64_t>& positions,
                const at::Tensor& like);

/// Which experts each row takes, ascending, and how much of each: logits [n, experts], those of shared
/// experts after them where they are scored; correction [experts] or undefined. A row's choice depends on its own logits only.
struct routing {
  std::vector<std::int64_t> expert;  ///< [n, chosen]
  at::Tensor weight;                 ///< [n, chosen]
  at::Tensor shared;                 ///< [n, shared]; undefined unless the router scores those, too
};
routing route(const at::Tensor& logits, const at::Tensor& correction, const experts_config& config);

/// While it lives, operations of this thread that record gradients give the bits of the streaming
/// path, from packed weights. Gradients are those of the formulas, or near them where layers are in
/// bfloat16 (transformer_config::bfloat16); matrices with a `value` get theirs, packed ones give them to
/// their input only.
class exact_gradients {
 public:
  exact_gradients();
  ~exact_gradients();
  exact_gradients(const exact_gradients&) = delete;
  exact_gradients& operator=(const exact_gradients&) = delete;

 private:
  int before_;
};

/// [out, in] fp32 from what `pack` made; undefined for weights of few bits.
at::Tensor unpack(const matrix& w, std::int64_t in);

/// Some rows of what is packed, [rows, in] fp32: exact but for scales that were rounded to halves.
at::Tensor packed_rows(const matrix& w, std::int64_t in, std::span<const std::int64_t> rows);

/// Derives `half` (for training) or `packed` (for streaming) from `value`. `lasting`: of a model that
/// stays, in weight_memory.
void refresh_half(matrix& w);
void pack(matrix& w, bool lasting = false);
/// The same for weights that a file holds in bfloat16: products round their input to it, too, which is
/// several times as fast as fp32 sums of widened weights.
void pack_as_pairs(matrix& w, bool lasting = false);
/// The same forward and back: `packed_back`, too. Weights of an odd size are packed as `pack` does.
void pack_for_training(matrix& w, bool lasting = false);
/// Both matrices of a low-rank part; `rounds`: in bfloat16, whatever they hold.
void pack(low_rank& part, bool rounds = false);

}  // namespace ops
}  // namespace hocket::engine
