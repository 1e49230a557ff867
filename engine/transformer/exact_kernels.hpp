// Gradients by the input of elementwise steps on the exact path, fp32, row by row: a row's bits depend on that
// row only. No torch.
#pragma once

#include <cstdint>

namespace hocket::engine::kernels {

/// Of x / rms(x) * gain over rows of d: dy, x [n, d] -> dx [n, d]; `gain` [d] may be null.
void exact_rms_norm_backward(const float* dy, const float* x, const float* gain, float* dx,
                             std::int64_t n, std::int64_t d, float epsilon);
/// Of silu(gate) * up: dy [n, f], gu [n, 2f], gates before ups -> dgu [n, 2f].
void exact_swiglu_backward(const float* dy, const float* gu, float* dgu, std::int64_t n,
                           std::int64_t f);
/// Of silu over rows of d: dy, x [n, d] -> dx [n, d].
void exact_silu_backward(const float* dy, const float* x, float* dx, std::int64_t n,
                         std::int64_t d);
/// y[n] = weight * softmax(scores[n]); not numbers where a score is not one or not finite.
void weighted_softmax(const float* scores, float* y, std::int64_t n, float weight);

}  // namespace hocket::engine::kernels
