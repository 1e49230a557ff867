// Streaming kernels of what Inkling adds to a layer: convolutions, clips, gates, reading from blocks.
// As in infer_kernels.cpp, a row is computed in one order, whatever comes with it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

/// To about 1e-7 of one, without a library call.
inline float fast_tanh(float x) { return 1.0f - 2.0f / (1.0f + fast_exp(2.0f * x)); }

__attribute__((always_inline)) inline float dot(const float* a, const float* b, std::int64_t d) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < d; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

HOCKET_CLONES void infer_convolve(const float* const* past, const float* taps, const float* own,
                                  std::int64_t of_head, float* y, std::int64_t channels, int kernel,
                                  float scale) {
  std::memset(y, 0, static_cast<std::size_t>(channels) * sizeof(float));
  for (int j = 0; j < kernel; ++j) {
    if (!past[j]) continue;  // before the stream's beginning
    const float* tap = taps + j * channels;
    if (!own) {
      for (std::int64_t i = 0; i < channels; ++i) y[i] += tap[i] * past[j][i];
      continue;
    }
    for (std::int64_t head = 0; head * of_head < channels; ++head) {
      const float mine = own[head * kernel + j];
      const std::int64_t first = head * of_head;
      for (std::int64_t i = first; i < first + of_head; ++i) y[i] += (tap[i] + mine) * past[j][i];
    }
  }
  for (std::int64_t i = 0; i < channels; ++i) y[i] = scale * (y[i] + past[0][i]);
}

HOCKET_CLONES void infer_clip(const float* x, const float* gain, float* y, std::int64_t n,
                              std::int64_t heads, std::int64_t d, float limit) {
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t h = 0; h < heads; ++h) {
      const float* from = x + (t * heads + h) * d;
      float* to = y + (t * heads + h) * d;
      for (std::int64_t i = 0; i < d; ++i) to[i] = gain ? from[i] * gain[h * d + i] : from[i];
      const float norm = std::sqrt(dot(to, to, d));
      const float factor = std::min(1.0f, limit / (norm + 1e-6f));
      for (std::int64_t i = 0; i < d; ++i) to[i] *= factor;
    }
}

HOCKET_CLONES void infer_gate(const float* x, const float* gate, float* y, std::int64_t n,
                              std::int64_t d) {
  for (std::int64_t t = 0; t < n * d; t += d)
    for (std::int64_t i = t; i < t + d; ++i) y[i] = x[i] / (1.0f + fast_exp(-gate[i]));
}

HOCKET_CLONES void infer_mix(const float* x, const float* message, const float* forget,
                             const float* take, float* y, std::int64_t n, std::int64_t d) {
  for (std::int64_t t = 0; t < n * d; t += d)
    for (std::int64_t i = t; i < t + d; ++i)
      y[i] = (1.0f - fast_tanh(forget[i])) * x[i] + fast_tanh(take[i]) * message[i];
}

HOCKET_CLONES void infer_capped(const float* gu, float* y, std::int64_t n, std::int64_t f) {
  for (std::int64_t t = 0; t < n; ++t) {
    const float* gate = gu + t * 2 * f;
    const float* up = gate + f;
    for (std::int64_t i = 0; i < f; ++i)
      y[t * f + i] = 4.0f * fast_tanh(gate[i] * 0.25f) / (1.0f + fast_exp(-gate[i])) * 25.0f *
                     fast_tanh(up[i] * 0.04f);
  }
}

HOCKET_CLONES void infer_look_back(const float* const* sources, std::int64_t count,
                                   const float* queries, std::int64_t q, std::int64_t d,
                                   float epsilon, float* const* y) {
  thread_local scratch<float> work;
  float* const inverse = work.get(2 * count);
  float* const scores = inverse + count;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (std::int64_t s = 0; s < count; ++s)
    inverse[s] = 1.0f / std::sqrt(dot(sources[s], sources[s], d) / static_cast<float>(d) + epsilon);
  for (std::int64_t k = 0; k < q; ++k) {
    float top = -INFINITY, sum = 0;
    for (std::int64_t s = 0; s < count; ++s) {
      scores[s] = dot(queries + k * d, sources[s], d) * inverse[s] * scale;
      top = std::max(top, scores[s]);
    }
    for (std::int64_t s = 0; s < count; ++s) sum += scores[s] = fast_exp(scores[s] - top);
    std::memset(y[k], 0, static_cast<std::size_t>(d) * sizeof(float));
    for (std::int64_t s = 0; s < count; ++s) {
      const float share = scores[s] / sum * inverse[s];
      for (std::int64_t i = 0; i < d; ++i) y[k][i] += share * sources[s][i];
    }
  }
}

}  // namespace hocket::engine::kernels
