// The operations a model is made of. Each has three paths behind one name:
//   training   fp32 on CPU while gradients are recorded: bfloat16 products, own backward kernels
//   streaming  fp32 on CPU without gradients: every row's result is independent of the number of rows
//   plain      everything else (CUDA, double precision): the same formulas written with ATen
// Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/model/config.hpp"

namespace hocket::engine {

class stream_memory;

/// Weight of a linear layer, [out, in] fp32, and the forms the paths derive from it.
struct matrix {
  at::Tensor value;
  at::Tensor half;    ///< bfloat16 copy for training; refreshed once per step
  at::Tensor packed;  ///< [in, out] fp32 for streaming; see ops::pack
};

/// Learnt vectors of one attention layer; undefined where the config has none.
struct attention_vectors {
  at::Tensor q_gain, k_gain;  ///< [head_dim]
  at::Tensor bias;            ///< [heads, relative_extent]
};

/// What the rows of an activation [rows, width] are: whole sequences from position 0, or, when
/// streaming, new rows of running streams.
struct row_map {
  struct stream {
    stream_memory* memory;
    std::int64_t first;  ///< position of the first row
    std::int64_t count;
  };
  std::int64_t sequences = 1, length = 0;
  std::vector<stream> streams;  ///< empty: whole sequences
};

namespace ops {

/// x [n, in] -> [n, out].
at::Tensor linear(const at::Tensor& x, const matrix& w);
/// x / rms(x) * gain over the last dimension; gain may be undefined.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
/// silu(x[:, :f]) * x[:, f:].
at::Tensor swiglu(const at::Tensor& x);
at::Tensor silu(const at::Tensor& x);
/// Residual sum x + y.
at::Tensor add(const at::Tensor& x, const at::Tensor& y);
/// Sum of table rows: index [n, j] i32, table [rows, d] -> [n, d].
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
/// qkv [rows, (heads + 2 kv_heads) * head_dim] -> [rows, heads * head_dim].
at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows);

/// Derives `half` (for training) or `packed` (for streaming) from `value`.
void refresh_half(matrix& w);
void pack(matrix& w);

}  // namespace ops
}  // namespace hocket::engine
