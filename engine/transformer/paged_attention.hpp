// Attention of new rows over a stream's pages. No torch; private to engine/transformer.
#pragma once

#include <cstdint>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/kv_pages.hpp"

namespace hocket::engine::kernels {

/// New rows of one stream: positions first to first + count - 1.
struct paged_rows {
  const float* qkv = nullptr;                      ///< [count, shape.row()]
  float* out = nullptr;                            ///< [count, heads * values()]
  const float *cosine = nullptr, *sine = nullptr;  ///< [count, shape.pairs]; null: no rotation
  std::int64_t first = 0, count = 0;
};

/// Writes the rows' keys and values; `layer` has room for them.
void infer_write_pages(const attention_shape& shape, const paged_rows& rows,
                       const paged_layer& layer);
/// Queries begin to end - 1 of those that share `kv_head`: heads / kv_heads of each of `rows`, row by
/// row; all keys they see are written. Every sum has the order of positions, by place in a page, so that a row's bits depend on its position and
/// what it sees alone: not on the other rows, nor on where a stream was cut or copied.
void infer_attend_pages(const attention_shape& shape, const paged_rows& rows,
                        const paged_layer& layer, int kv_head, std::int64_t begin,
                        std::int64_t end);

}  // namespace hocket::engine::kernels
