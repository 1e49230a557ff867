// Products of bfloat16 pairs in the tile registers of a processor that has them (AMX). No torch.
#pragma once

#include <cstdint>

#include "engine/transformer/kernels.hpp"

namespace hocket::engine::kernels {

/// Whether this process may use them: the processor has them, and the kernel grants the memory that
/// they need when threads are switched. Asked once.
bool has_tile_registers();

/// `infer_pairs` (pairs.hpp) for inputs of a multiple of 32 numbers.
void infer_pairs_amx(const bf16* x, const bf16* packed, float* y, std::int64_t n, std::int64_t in,
                     std::int64_t out, std::int64_t first, std::int64_t last);

/// `gemm_pairs` (kernels.hpp).
void gemm_pairs_amx(const bf16* a, std::int64_t lda, const bf16* b, std::int64_t ldb, float* c,
                    std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k,
                    bool accumulate);

}  // namespace hocket::engine::kernels
