// Products with bfloat16 weights and inputs that are rounded to bfloat16, with fp32 sums. No torch.
#pragma once

#include <cstdint>

#include "engine/transformer/kernels.hpp"

namespace hocket::engine::kernels {

/// Weights [out, in] as tiles [out / 64][in / 2][64][2], filled up with zeros; `in` is even.
void pack_pairs(const float* w, bf16* packed, std::int64_t out, std::int64_t in);

/// x rounded to bfloat16, `count` numbers.
void round_to_pairs(const float* x, bf16* y, std::int64_t count);

/// How a product is computed. Each gives its own bits: the processor's instruction rounds where it wants.
/// `tiles`: in tile registers (AMX), for inputs of a multiple of 32 numbers.
enum class pairs_way { plain, native, tiles };
/// The fastest one here for rows of `in` numbers: always the same one, whatever their number.
pairs_way best_pairs_way(std::int64_t in);

/// y[n, out] = x[n, in] W^T for tiles first to last - 1 of 64 outputs each. Every element is summed pair
/// after pair, so that a row's bits depend on the row and the weights only.
void infer_pairs(const bf16* x, const bf16* packed, float* y, std::int64_t n, std::int64_t in,
                 std::int64_t out, std::int64_t first, std::int64_t last, pairs_way way);

}  // namespace hocket::engine::kernels
