// One head's row of a query or a key before it meets others; private to engine/transformer.
#pragma once

#include <cmath>

#include "engine/transformer/config.hpp"
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

/// What scores of a row at `position` are multiplied with.
inline float length_scale(const attention_shape& s, std::int64_t position) {
  return static_cast<float>(length_scale_config{s.length_from, s.length_rate}.of(position));
}

/// A head's learnt bias at the distances 0 to count - 1: its row's mix of profiles, times `factor`.
__attribute__((always_inline)) inline void mix_profiles(const attention_shape& s, const float* row,
                                                        int head, float factor, std::int64_t count,
                                                        float* bias) {
  for (std::int64_t i = 0; i < count; ++i) bias[i] = 0;
  const float* mix = row + s.mixes() + static_cast<std::int64_t>(head) * s.rank;
  for (int r = 0; r < s.rank; ++r) {
    const float share = mix[r] * factor;
    const float* profile = s.bank + static_cast<std::int64_t>(r) * s.extent;
    for (std::int64_t i = 0; i < count; ++i) bias[i] += share * profile[i];
  }
}

/// The score that takes attention away from all positions; call it where there is one.
inline float sink_of(const attention_shape& s, const float* row, int head) {
  return s.sinks ? s.sinks[head]
                 : row[s.mixes() + static_cast<std::int64_t>(s.heads) * s.rank + head];
}

}  // namespace hocket::engine::kernels
