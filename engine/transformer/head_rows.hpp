// One head's row of a query or a key before it meets others; private to engine/transformer.
#pragma once

#include <cmath>

#include "engine/transformer/kernels.hpp"

namespace hocket::engine::kernels {

/// Rotates and scales where not all of a head turns, or where its pairs are neighbours.
__attribute__((always_inline)) inline void turn_part(const attention_shape& s, const float* v,
                                                     float scale, float* y) {
  for (int i = 0; i < s.head_dim; ++i) y[i] = v[i] * scale;
  const int step = s.turn_adjacent ? 2 : 1, apart = s.turn_adjacent ? 1 : s.pairs;
  for (int i = 0; i < s.pairs; ++i) {
    const int a = s.turn_first + i * step, b = a + apart;
    y[a] = (v[a] * s.cosine[i] - v[b] * s.sine[i]) * scale;
    y[b] = (v[b] * s.cosine[i] + v[a] * s.sine[i]) * scale;
  }
}

/// Normalises, rotates and scales one head's row.
__attribute__((always_inline)) inline void prepare(const attention_shape& s, const float* x,
                                                   const float* gain, float scale, float* y) {
  const int d = s.head_dim, half = d / 2;
  float v[256];
  float inverse = 1;
  if (gain) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < d; ++i) sum += x[i] * x[i];
    inverse = 1.0f / std::sqrt(sum / static_cast<float>(d) + s.epsilon);
    for (int i = 0; i < d; ++i) v[i] = x[i] * inverse * gain[i];
  } else {
    for (int i = 0; i < d; ++i) v[i] = x[i];
  }
  if (s.cosine && (s.turn_adjacent || s.pairs != half)) {
    turn_part(s, v, scale, y);
  } else if (s.cosine) {
    for (int i = 0; i < half; ++i) {
      y[i] = (v[i] * s.cosine[i] - v[i + half] * s.sine[i]) * scale;
      y[i + half] = (v[i + half] * s.cosine[i] + v[i] * s.sine[i]) * scale;
    }
  } else {
    for (int i = 0; i < d; ++i) y[i] = v[i] * scale;
  }
}

}  // namespace hocket::engine::kernels
