// Streaming kernels of state spaces. As in infer_kernels.cpp, a row is computed in one order, whatever comes
// with it.
#include <algorithm>
#include <cmath>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

inline float silu(float x) { return x / (1.0f + fast_exp(-x)); }

/// log(1 + exp(x)); beyond 20 it is x in fp32.
inline float softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }

/// A channel's `state` numbers decay, get `x` times `write`, and are read: the sum of them times `read`.
__attribute__((always_inline)) inline float channel(float* state, float decay, float x,
                                                    const float* write, const float* read,
                                                    std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    state[i] = state[i] * decay + x * write[i];
    sum += state[i] * read[i];
  }
  return sum;
}

}  // namespace

HOCKET_CLONES void infer_scan_inputs(const scan_shape& s, const float* const* past,
                                     const float* taps, const float* bias, float* y) {
  const std::int64_t channels = s.convolved();
  for (std::int64_t i = 0; i < channels; ++i) y[i] = bias ? bias[i] : 0.0f;
  for (int j = 0; j < s.kernel; ++j) {
    if (!past[j]) continue;
    const float* tap = taps + j * channels;
    for (std::int64_t i = 0; i < channels; ++i) y[i] += tap[i] * past[j][i];
  }
  for (std::int64_t i = 0; i < channels; ++i) y[i] = silu(y[i]);
}

/// Channel by channel through some rows at once: a channel's state and the rows' directions stay in the
/// first cache, where row by row a head's whole state passes through it each time. Each sum keeps its order.
HOCKET_CLONES void infer_scan(const scan_shape& s, const scan_rows& rows, const float* step_bias,
                              const float* decay, const float* skip, float* state, float* y,
                              std::int64_t first, std::int64_t last) {
  constexpr std::int64_t at_once = 16;
  const std::int64_t channels = s.convolved(), inner = s.inner();
  float step[at_once], kept[at_once];
  for (std::int64_t h = first; h < last; ++h) {
    const std::int64_t group = h * s.groups / s.heads;
    for (std::int64_t r0 = 0; r0 < rows.count; r0 += at_once) {
      const std::int64_t n = std::min(at_once, rows.count - r0);
      for (std::int64_t r = 0; r < n; ++r) {
        step[r] = std::max(s.least_step, softplus(rows.steps[r0 + r][h] + step_bias[h]));
        kept[r] = std::exp(step[r] * decay[h]);
      }
      for (std::int64_t c = h * s.head_dim; c < (h + 1) * s.head_dim; ++c)
        for (std::int64_t r = 0; r < n; ++r) {
          const float* const x = rows.inputs + (r0 + r) * channels;
          const float* const write = x + inner + group * s.state;
          const float* const read = write + s.groups * s.state;
          const float sum =
              channel(state + c * s.state, kept[r], step[r] * x[c], write, read, s.state);
          if (y) y[(r0 + r) * inner + c] = sum + skip[h] * x[c];
        }
    }
  }
}

HOCKET_CLONES void infer_gated_norm(const scan_shape& s, const float* gate, const float* gain,
                                    float* y) {
  const std::int64_t width = s.inner() / s.groups;
  for (std::int64_t g = 0; g < s.groups; ++g, y += width, gate += width, gain += width) {
    float sum = 0;
    for (std::int64_t i = 0; i < width; ++i) y[i] *= silu(gate[i]);
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < width; ++i) sum += y[i] * y[i];
    const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(width) + s.epsilon);
    for (std::int64_t i = 0; i < width; ++i) y[i] *= inverse * gain[i];
  }
}

}  // namespace hocket::engine::kernels
