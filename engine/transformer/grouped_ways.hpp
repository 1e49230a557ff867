// The ways of grouped.hpp that need an instruction set; private to engine/transformer.
#pragma once

#include "engine/transformer/grouped.hpp"

namespace hocket::engine::kernels {

void vnni_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                std::int64_t first, std::int64_t last);
void avx2_tiles(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                std::int64_t first, std::int64_t last);

}  // namespace hocket::engine::kernels
