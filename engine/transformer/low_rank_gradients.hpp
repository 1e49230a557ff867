// Gradients of low-rank parts as products of rounded numbers, for models that are bfloat16 themselves. No torch.
#pragma once

#include <cstdint>
#include <span>

namespace hocket::engine::kernels {

/// A part and the rows of a batch that take it; rows are contiguous.
struct low_rank_rows {
  std::int64_t begin, end, rank, first,
      out;  ///< rows; the part's outputs are columns first to first + out - 1
  float scale;
  const float* down;  ///< [rank, in]
  const float* up;    ///< [out, rank]
  const float* h;     ///< [end - begin, padded_rank(rank)], between the two, times the scale
  float* by_down;     ///< [rank, in], written; null: does not learn
  float* by_up;       ///< [out, rank], written; null: does not learn
};

/// Whether low_rank_gradients can do it: it works in columns of 16.
bool has_low_rank_gradients(std::span<const low_rank_rows> parts, std::int64_t in);

/// From g [n, width], the derivatives by a linear layer's outputs, and its input x [n, in]: those by the parts'
/// matrices, and by x, added to by_x [n, in] (null: not wanted). Numbers are rounded to bfloat16, sums are fp32.
/// A part's results depend on its own rows only, and not on how the work is divided.
void low_rank_gradients(const float* g, std::int64_t width, const float* x, std::int64_t in,
                        float* by_x, std::span<const low_rank_rows> parts);

}  // namespace hocket::engine::kernels
