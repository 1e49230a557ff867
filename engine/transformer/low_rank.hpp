// Kernels of low-rank parts (adapter.hpp): narrow products, fp32 or exact bfloat16 weights, fp32 sums. Every
// element is summed in one order that depends on its row only. No torch.
#pragma once

#include <cstdint>

#include "engine/transformer/kernels.hpp"

namespace hocket::engine::kernels {

/// Numbers between `down` and `up` of a row: the rank, filled up to a multiple of 8.
constexpr std::int64_t padded_rank(std::int64_t rank) { return (rank + 7) / 8 * 8; }

/// `down` [rank, in] as tiles [in][16], ranks side by side, the last one [in][8] where that holds the rest;
/// filled up with zeros: padded_rank(rank) * in numbers.
void pack_ranks(const float* w, float* packed, std::int64_t rank, std::int64_t in);
void pack_ranks(const float* w, bf16* packed, std::int64_t rank, std::int64_t in);
/// What was packed, [rank, in].
void unpack_ranks(const float* packed, float* w, std::int64_t rank, std::int64_t in);
void unpack_ranks(const bf16* packed, float* w, std::int64_t rank, std::int64_t in);

/// h[n, padded_rank] = scale * x[n, in] down^T, rows of x `stride` apart. Input k goes into sum k % 4, each
/// in order. `next`, here and below: what is read after this, of about the same size; a single row, whose
/// product is a reading of weights, asks for it meanwhile. Null: nobody knows.
void infer_down(const float* x, std::int64_t stride, const float* packed, float* h, std::int64_t n,
                std::int64_t in, std::int64_t rank, float scale, const void* next = nullptr);
void infer_down(const float* x, std::int64_t stride, const bf16* packed, float* h, std::int64_t n,
                std::int64_t in, std::int64_t rank, float scale, const void* next = nullptr);

/// y[n, out], of rows `stride` apart, += h[n, padded_rank] up^T, for tiles first to last - 1 of 64 outputs
/// of `up` [out, rank], packed by pack_weights. The sum over ranks, in order, is added at last.
void infer_up(const float* h, const float* packed, float* y, std::int64_t stride, std::int64_t n,
              std::int64_t rank, std::int64_t out, std::int64_t first, std::int64_t last,
              const void* next = nullptr);
void infer_up(const float* h, const bf16* packed, float* y, std::int64_t stride, std::int64_t n,
              std::int64_t rank, std::int64_t out, std::int64_t first, std::int64_t last,
              const void* next = nullptr);
/// Columns first to last - 1 of y[rank, count] = h[n, padded_rank]^T x[n, count], or of its transpose, rows
/// of x `stride` apart: each element summed row by row.
void sum_outer(const float* h, const float* x, std::int64_t stride, float* y, std::int64_t n,
               std::int64_t rank, std::int64_t count, std::int64_t first, std::int64_t last,
               bool transposed);

}  // namespace hocket::engine::kernels
