// Numeric loops on plain pointers, no torch: what ATen would need many passes for.
// Training kernels work on bfloat16 activations with fp32 sums. Inference kernels (infer_*) work on
// fp32 and add every output element up in one fixed order, so that a row's result does not depend on
// how many rows there are nor on how a stream was cut into chunks.
#pragma once

#include <cstdint>

namespace hocket::engine::kernels {

using bf16 = std::uint16_t;  ///< upper half of an IEEE float

inline float to_float(bf16 v) {
  const std::uint32_t u = static_cast<std::uint32_t>(v) << 16;
  return __builtin_bit_cast(float, u);
}
inline bf16 to_bf16(float v) {  // round to nearest even; NaN is not preserved bit by bit
  const std::uint32_t u = __builtin_bit_cast(std::uint32_t, v);
  return static_cast<bf16>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

/// y[n, d] = x / rms(x) * gain; inverse[n] = 1 / rms. `gain` may be null (all ones).
void rms_norm(const float* x, const float* gain, bf16* y, float* inverse, std::int64_t n,
              std::int64_t d, float epsilon);
/// dx[n, d] is written, dgain[d] added to (null when there is no gain).
void rms_norm_backward(const bf16* dy, const float* x, const float* gain, const float* inverse,
                       float* dx, float* dgain, std::int64_t n, std::int64_t d);

/// y[n, f] = silu(gu[:, :f]) * gu[:, f:]; gu is [n, 2f].
void swiglu(const bf16* gu, bf16* y, std::int64_t n, std::int64_t f);
void swiglu_backward(const bf16* dy, const bf16* gu, bf16* dgu, std::int64_t n, std::int64_t f);

/// y = x + r for count elements.
void add_bf16(const float* x, const bf16* r, float* y, std::int64_t count);

/// y[n, d] = sum over j of table[index[n, j]]; table is [rows, d].
void bag(const std::int32_t* index, const float* table, float* y, std::int64_t n,
         std::int64_t per_row, std::int64_t d);
void bag_backward(const std::int32_t* index, const float* dy, float* dtable, std::int64_t n,
                  std::int64_t per_row, std::int64_t d);

/// One attention layer over whole sequences.
struct attention_shape {
  std::int64_t sequences = 0, length = 0;  ///< rows = sequences * length
  int heads = 0, kv_heads = 0, head_dim = 0;
  int window = 0;                 ///< positions seen, itself included; 0 = all before
  const float* cosine = nullptr;  ///< [length, head_dim / 2] of the rotation; null = no rotary
  const float* sine = nullptr;
  const float* q_gain = nullptr;  ///< [head_dim]; null = no normalisation of q and k
  const float* k_gain = nullptr;
  const float* bias = nullptr;  ///< [heads, extent] added to the score at this
                                ///< distance; may be null
  int extent = 0;
  float epsilon = 1e-6f;
  int kv_first = 0, kv_count = 0;  ///< heads of keys that a call takes, with their queries; 0: all
  // The rest is known to infer_attention only.
  int value_dim = 0;             ///< of a value; 0: head_dim
  int turn_first = 0;            ///< where the rotated numbers of a head begin
  int pairs = 0;                 ///< rotated pairs; 0 with cosine: head_dim / 2
  bool turn_adjacent = false;    ///< pairs are neighbours instead of `pairs` apart
  const float* sinks = nullptr;  ///< [heads] a score that takes attention away; may be null
  float scale = 0;               ///< of scores; 0: 1 / sqrt(head_dim)
  float softcap = 0;             ///< bound of scores; 0: none
  const float* bank =
      nullptr;  ///< [rank, extent] profiles that a row mixes to its bias; may be null
  int rank = 0;
  bool row_sinks = false;  ///< the last `heads` numbers of a row are its sinks
  double length_from = 0;  ///< scores grow with the position; see length_scale_config
  double length_rate = 0;
  int kv_end() const { return kv_count > 0 ? kv_first + kv_count : kv_heads; }
  int values() const { return value_dim > 0 ? value_dim : head_dim; }
  std::int64_t row() const {
    return mixes() + static_cast<std::int64_t>(heads) * (rank + (row_sinks ? 1 : 0));
  }
  /// Where a row's mixes [heads, rank] begin; its sinks come after them.
  std::int64_t mixes() const {
    return static_cast<std::int64_t>(heads + kv_heads) * head_dim +
           static_cast<std::int64_t>(kv_heads) * values();
  }
};
/// qkv [rows, row()] -> out [rows, heads * head_dim]; lse [sequences, heads, length] is kept for the
/// backward pass.
void attention(const attention_shape& shape, const bf16* qkv, bf16* out, float* lse);
/// Gradients dqkv are written; dq_gain, dk_gain, dbias added to (null where absent).
void attention_backward(const attention_shape& shape, const bf16* qkv, const bf16* out,
                        const float* lse, const bf16* dout, bf16* dqkv, float* dq_gain,
                        float* dk_gain, float* dbias);

/// C[m, n] = (or +=) A[m, k] B, B packed in pairs of rows: [k / 2, n, 2]; strides in elements.
/// n is a multiple of 16, k even.
void gemm_pairs(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate);

/// Weights of a linear layer for infer_linear: [out, in] -> tiles [out / 64][in][64], zero padded,
/// in fp32 or, where that loses nothing, bf16: there outputs 16 apart are neighbours, so that one read
/// widens into two vectors.
std::int64_t packed_size(std::int64_t out, std::int64_t in);
/// Where output c of a tile, 0 to 63, lies in its row of 64.
template <class Weight>
constexpr std::int64_t place_in_tile(std::int64_t c) {
  if constexpr (sizeof(Weight) == 2) return c / 32 * 32 + c % 16 * 2 + c / 16 % 2;
  return c;
}
void pack_weights(const float* w, float* packed, std::int64_t out, std::int64_t in);
void pack_weights(const float* w, bf16* packed, std::int64_t out, std::int64_t in);
/// y[n, out] = x[n, in] W^T for tiles first to last - 1 of 64 outputs each; every element is summed over
/// `in` in order, one fused multiply-add each.
void infer_linear(const float* x, const float* packed, float* y, std::int64_t n, std::int64_t in,
                  std::int64_t out, std::int64_t first, std::int64_t last);
void infer_linear(const float* x, const bf16* packed, float* y, std::int64_t n, std::int64_t in,
                  std::int64_t out, std::int64_t first, std::int64_t last);
void infer_rms_norm(const float* x, const float* gain, float* y, std::int64_t n, std::int64_t d,
                    float epsilon);
void infer_layer_norm(const float* x, const float* gain, const float* shift, float* y,
                      std::int64_t n, std::int64_t d, float epsilon);
/// Activations over [n, 2f], gates before ups -> [n, f]; see activation_kind.
void infer_swiglu(const float* gu, float* y, std::int64_t n, std::int64_t f);
void infer_geglu(const float* gu, float* y, std::int64_t n, std::int64_t f);
void infer_clamped(const float* gu, float* y, std::int64_t n, std::int64_t f);
void infer_relu_squared(const float* x, float* y, std::int64_t count);
void infer_silu(const float* x, float* y, std::int64_t count);

/// One new row of a stream: writes its key and value into the ring, then attends. qkv [row()], out
/// [heads * values()]; cosine and sine are those of this position.
struct ring_view {
  float *k = nullptr, *v = nullptr;  ///< [capacity, kv_heads * head_dim], [.., kv_heads * values()]
  std::int64_t capacity = 0;
};
void infer_attention(const attention_shape& shape, const ring_view& ring, std::int64_t position,
                     const float* qkv, float* out);

/// One row of a short convolution over `channels`: y = scale * (x + sum over j of (taps[j] + own[j]) *
/// past[j]). past[0] is x itself; `own` [channels / of_head, kernel] may be null.
void infer_convolve(const float* const* past, const float* taps, const float* own,
                    std::int64_t of_head, float* y, std::int64_t channels, int kernel, float scale);
/// A state-space layer (state_space_config).
struct scan_shape {
  std::int64_t heads = 0, head_dim = 0, state = 0, groups = 1;
  int kernel = 0;
  float least_step = 0, epsilon = 0;
  std::int64_t inner() const { return heads * head_dim; }
  std::int64_t convolved() const { return inner() + 2 * groups * state; }
};
/// One row behind its convolutions: silu(bias + sum over j of taps[j] * past[j]); past[0] is the row itself,
/// null: before the stream's beginning; `bias` may be null. y [convolved].
void infer_scan_inputs(const scan_shape& s, const float* const* past, const float* taps,
                       const float* bias, float* y);
struct scan_rows {
  const float* inputs;        ///< [n, convolved], behind the convolutions
  const float* const* steps;  ///< of each row: [heads]
  std::int64_t count;
};
/// Heads first to last - 1 of `state` [heads, head_dim, state] move on by some rows; y [n, inner], or null.
void infer_scan(const scan_shape& s, const scan_rows& rows, const float* step_bias,
                const float* decay, const float* skip, float* state, float* y, std::int64_t first,
                std::int64_t last);
/// A row y [inner] times silu(gate), then normalised by group, times gain.
void infer_gated_norm(const scan_shape& s, const float* gate, const float* gain, float* y);
/// Rows of [heads, d]: times gain [heads * d] (may be null), then no longer than `limit` each.
void infer_clip(const float* x, const float* gain, float* y, std::int64_t n, std::int64_t heads,
                std::int64_t d, float limit);
/// y = x * sigmoid(gate).
void infer_gate(const float* x, const float* gate, float* y, std::int64_t n, std::int64_t d);
/// y = (1 - tanh(forget)) * x + tanh(take) * message.
void infer_mix(const float* x, const float* message, const float* forget, const float* take,
               float* y, std::int64_t n, std::int64_t d);
void infer_capped(const float* gu, float* y, std::int64_t n, std::int64_t f);
/// What queries [q, d] find in `count` normalised sources of one row: y[k] [d] for each.
void infer_look_back(const float* const* sources, std::int64_t count, const float* queries,
                     std::int64_t q, std::int64_t d, float epsilon, float* const* y);

/// True where the processor multiplies bfloat16 natively.
bool has_native_bf16();

}  // namespace hocket::engine::kernels
