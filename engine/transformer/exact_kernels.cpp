#include "engine/transformer/exact_kernels.hpp"

#include <cmath>

#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {

HOCKET_CLONES void exact_rms_norm_backward(const float* dy, const float* x, const float* gain,
                                           float* dx, std::int64_t n, std::int64_t d,
                                           float epsilon) {
  for (std::int64_t t = 0; t < n; ++t, dy += d, x += d, dx += d) {
    float squares = 0, product = 0;
    if (gain) {
#pragma omp simd reduction(+ : squares, product)
      for (std::int64_t i = 0; i < d; ++i)
        squares += x[i] * x[i], product += dy[i] * gain[i] * x[i];
    } else {
#pragma omp simd reduction(+ : squares, product)
      for (std::int64_t i = 0; i < d; ++i) squares += x[i] * x[i], product += dy[i] * x[i];
    }
    const float width = static_cast<float>(d);
    const float inverse = 1.0f / std::sqrt(squares / width + epsilon);
    const float along = product / width * inverse * inverse;
    if (gain)
      for (std::int64_t i = 0; i < d; ++i) dx[i] = inverse * (dy[i] * gain[i] - x[i] * along);
    else
      for (std::int64_t i = 0; i < d; ++i) dx[i] = inverse * (dy[i] - x[i] * along);
  }
}

HOCKET_CLONES void exact_swiglu_backward(const float* dy, const float* gu, float* dgu,
                                         std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* g = dy + t * f;
    const float* gate = gu + t * 2 * f;
    const float* up = gate + f;
    float* dgate = dgu + t * 2 * f;
    float* dup = dgate + f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float sigmoid = 1.0f / (1.0f + fast_exp(-gate[i]));
      dgate[i] = g[i] * up[i] * sigmoid * (1.0f + gate[i] * (1.0f - sigmoid));
      dup[i] = g[i] * gate[i] * sigmoid;
    }
  }
}

HOCKET_CLONES void exact_silu_backward(const float* dy, const float* x, float* dx, std::int64_t n,
                                       std::int64_t d) {
  for (std::int64_t t = 0; t < n; ++t, dy += d, x += d, dx += d)
    for (std::int64_t i = 0; i < d; ++i) {
      const float sigmoid = 1.0f / (1.0f + fast_exp(-x[i]));
      dx[i] = dy[i] * sigmoid * (1.0f + x[i] * (1.0f - sigmoid));
    }
}

HOCKET_CLONES void weighted_softmax(const float* scores, float* y, std::int64_t n, float weight) {
  float greatest = scores[0], poison = 0, sum = 0;
#pragma omp simd reduction(max : greatest) reduction(+ : poison)
  for (std::int64_t i = 0; i < n; ++i) {
    greatest = scores[i] > greatest ? scores[i] : greatest;
    poison += scores[i] * 0.0f;
  }
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = fast_exp(scores[i] - greatest);
    sum += y[i];
  }
  const float factor = weight / sum + poison;
  for (std::int64_t i = 0; i < n; ++i) y[i] *= factor;
}

}  // namespace hocket::engine::kernels
