#include "engine/transformer/kernels.hpp"

#include <cmath>
#include <cstring>

#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {

HOCKET_CLONES void rms_norm(const float* x, const float* gain, bf16* y, float* inverse,
                            std::int64_t n, std::int64_t d, float epsilon) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* row = x + t * d;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += row[i] * row[i];
    const float inv = 1.0f / std::sqrt(sum / static_cast<float>(d) + epsilon);
    inverse[t] = inv;
    if (gain)
      for (std::int64_t i = 0; i < d; ++i) y[t * d + i] = to_bf16(row[i] * inv * gain[i]);
    else
      for (std::int64_t i = 0; i < d; ++i) y[t * d + i] = to_bf16(row[i] * inv);
  }
}

HOCKET_CLONES void rms_norm_backward(const bf16* dy, const float* x, const float* gain,
                                     const float* inverse, float* dx, float* dgain, std::int64_t n,
                                     std::int64_t d) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* row = x + t * d;
    const bf16* g = dy + t * d;
    float* out = dx + t * d;
    const float inv = inverse[t];
    float dot = 0;
    if (gain) {
#pragma omp simd reduction(+ : dot)
      for (std::int64_t i = 0; i < d; ++i) {
        const float grad = to_float(g[i]);
        dgain[i] += grad * row[i] * inv;
        out[i] = grad * gain[i];
        dot += out[i] * row[i];
      }
    } else {
#pragma omp simd reduction(+ : dot)
      for (std::int64_t i = 0; i < d; ++i) {
        out[i] = to_float(g[i]);
        dot += out[i] * row[i];
      }
    }
    const float mean = dot * inv * inv / static_cast<float>(d);
    for (std::int64_t i = 0; i < d; ++i) out[i] = inv * (out[i] - row[i] * mean);
  }
}

HOCKET_CLONES void swiglu(const bf16* gu, bf16* y, std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const bf16* gate = gu + t * 2 * f;
    const bf16* up = gate + f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float a = to_float(gate[i]);
      y[t * f + i] = to_bf16(a / (1.0f + fast_exp(-a)) * to_float(up[i]));
    }
  }
}

HOCKET_CLONES void swiglu_backward(const bf16* dy, const bf16* gu, bf16* dgu, std::int64_t n,
                                   std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const bf16* gate = gu + t * 2 * f;
    const bf16* up = gate + f;
    bf16* dgate = dgu + t * 2 * f;
    bf16* dup = dgate + f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float a = to_float(gate[i]), g = to_float(dy[t * f + i]);
      const float sigmoid = 1.0f / (1.0f + fast_exp(-a));
      dup[i] = to_bf16(g * a * sigmoid);
      dgate[i] = to_bf16(g * to_float(up[i]) * sigmoid * (1.0f + a * (1.0f - sigmoid)));
    }
  }
}

HOCKET_CLONES void add_bf16(const float* x, const bf16* r, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] + to_float(r[i]);
}

HOCKET_CLONES void bag(const std::int32_t* index, const float* table, float* y, std::int64_t n,
                       std::int64_t per_row, std::int64_t d) {
  for (std::int64_t t = 0; t < n; ++t) {
    float* out = y + t * d;
    std::memset(out, 0, d * sizeof(float));
    for (std::int64_t j = 0; j < per_row; ++j) {
      const float* row = table + index[t * per_row + j] * d;
      for (std::int64_t i = 0; i < d; ++i) out[i] += row[i];
    }
  }
}

HOCKET_CLONES void bag_backward(const std::int32_t* index, const float* dy, float* dtable,
                                std::int64_t n, std::int64_t per_row, std::int64_t d) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* g = dy + t * d;
    for (std::int64_t j = 0; j < per_row; ++j) {
      float* row = dtable + index[t * per_row + j] * d;
      for (std::int64_t i = 0; i < d; ++i) row[i] += g[i];
    }
  }
}

}  // namespace hocket::engine::kernels
