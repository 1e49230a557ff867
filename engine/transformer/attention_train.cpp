// Attention over whole sequences for training: query (key) tiles of 64 against the window they can
// see, so that cost is linear in length; bfloat16 products, fp32 sums and softmax.
// The backward pass works on transposed tiles (keys x queries): then no tile needs a transposition.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t tile = 64;

std::int64_t round_up(std::int64_t v, std::int64_t m) { return (v + m - 1) / m * m; }

/// Work space of one thread.
struct space {
  scratch<bf16> q_rows, k_rows, v_rows, o_rows, q_d, k_d, v_t, o_d, k_cols, q_pairs, v_pairs,
      o_pairs;
  scratch<bf16> p_rows, s_rows, s_pairs;
  scratch<float> s, p, dq_t, dk, dv, delta, inverse_q, inverse_k, tmp;
};
space& workspace() {
  thread_local space s;
  return s;
}

/// Words of two bf16: rows [n, d] -> pairs over columns [d / 2, ld, 2].
HOCKET_CLONES void pack_columns(const bf16* rows, bf16* out, std::int64_t n, std::int64_t d,
                                std::int64_t ld) {
  const std::int64_t half = d / 2;
  for (std::int64_t t0 = 0; t0 < ld; t0 += 16)
    for (std::int64_t c = 0; c < half; ++c)
      for (std::int64_t t = t0; t < std::min(t0 + 16, ld); ++t) {
        std::uint32_t word = 0;
        if (t < n) std::memcpy(&word, rows + t * d + 2 * c, 4);
        std::memcpy(out + (c * ld + t) * 2, &word, 4);
      }
}

/// Rows [n, d] -> pairs over rows [ld / 2, d, 2], zero padded.
HOCKET_CLONES void pack_rows(const bf16* rows, bf16* out, std::int64_t n, std::int64_t d,
                             std::int64_t ld) {
  for (std::int64_t t = 0; t < ld; t += 2) {
    const bf16* a = rows + t * d;
    const bf16* b = a + d;
    bf16* o = out + t * d;
    if (t + 1 < n) {
      for (std::int64_t i = 0; i < d; ++i) o[2 * i] = a[i], o[2 * i + 1] = b[i];
    } else {
      for (std::int64_t i = 0; i < d; ++i) o[2 * i] = t < n ? a[i] : bf16{0}, o[2 * i + 1] = 0;
    }
  }
}

/// One head's rows of q or k: normalise, rotate, scale. x [n, stride] -> y [n, d].
HOCKET_CLONES void prepare(const attention_shape& s, const bf16* x, std::int64_t stride,
                           const float* gain, float scale, bf16* y, float* inverse) {
  const int d = s.head_dim, half = d / 2;
  float v[256], w[256];
  for (std::int64_t t = 0; t < s.length; ++t) {
    const bf16* row = x + t * stride;
    for (int i = 0; i < d; ++i) v[i] = to_float(row[i]);
    if (gain) {
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int i = 0; i < d; ++i) sum += v[i] * v[i];
      inverse[t] = 1.0f / std::sqrt(sum / static_cast<float>(d) + s.epsilon);
      for (int i = 0; i < d; ++i) v[i] *= inverse[t] * gain[i];
    }
    if (s.cosine) {
      const float* c = s.cosine + t * half;
      const float* sn = s.sine + t * half;
      for (int i = 0; i < half; ++i) {
        w[i] = v[i] * c[i] - v[i + half] * sn[i];
        w[i + half] = v[i + half] * c[i] + v[i] * sn[i];
      }
      for (int i = 0; i < d; ++i) y[t * d + i] = to_bf16(w[i] * scale);
    } else {
      for (int i = 0; i < d; ++i) y[t * d + i] = to_bf16(v[i] * scale);
    }
  }
}

/// Undoes `prepare`: gradient of the prepared row (scaled) -> gradient of the raw row.
HOCKET_CLONES void prepare_backward(const attention_shape& s, const bf16* x, std::int64_t stride,
                                    const float* gain, float scale, const float* dy,
                                    const float* inverse, bf16* dx, std::int64_t dx_stride,
                                    float* dgain) {
  const int d = s.head_dim, half = d / 2;
  float g[256], v[256];
  for (std::int64_t t = 0; t < s.length; ++t) {
    const float* dr = dy + t * d;
    if (s.cosine) {
      const float* c = s.cosine + t * half;
      const float* sn = s.sine + t * half;
      for (int i = 0; i < half; ++i) {
        g[i] = (dr[i] * c[i] + dr[i + half] * sn[i]) * scale;
        g[i + half] = (dr[i + half] * c[i] - dr[i] * sn[i]) * scale;
      }
    } else {
      for (int i = 0; i < d; ++i) g[i] = dr[i] * scale;
    }
    bf16* out = dx + t * dx_stride;
    if (!gain) {
      for (int i = 0; i < d; ++i) out[i] = to_bf16(g[i]);
      continue;
    }
    const float inv = inverse[t];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int i = 0; i < d; ++i) {
      v[i] = to_float(x[t * stride + i]) * inv;
      dgain[i] += g[i] * v[i];
      g[i] *= gain[i];
      dot += g[i] * v[i];
    }
    dot /= static_cast<float>(d);
    for (int i = 0; i < d; ++i) out[i] = to_bf16(inv * (g[i] - v[i] * dot));
  }
}

HOCKET_CLONES void copy_head(const bf16* x, std::int64_t stride, std::int64_t n, std::int64_t d,
                             bf16* y) {
  for (std::int64_t t = 0; t < n; ++t) std::memcpy(y + t * d, x + t * stride, d * sizeof(bf16));
}

/// Softmax of one row's visible scores [from, to); everything else of [0, n) becomes zero.
HOCKET_CLONES float softmax_row(const float* s, bf16* p, float* e, std::int64_t n,
                                std::int64_t from, std::int64_t to) {
  float top = -INFINITY;
#pragma omp simd reduction(max : top)
  for (std::int64_t j = from; j < to; ++j) top = std::max(top, s[j]);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = from; j < to; ++j) {
    e[j] = fast_exp(s[j] - top);
    sum += e[j];
  }
  const float inv = 1.0f / sum;
  for (std::int64_t j = 0; j < from; ++j) p[j] = 0;
  for (std::int64_t j = from; j < to; ++j) p[j] = to_bf16(e[j] * inv);
  for (std::int64_t j = to; j < n; ++j) p[j] = 0;
  return top + std::log(sum);
}

HOCKET_CLONES void score_gradient_row(const float* s, const float* dp, const float* lse,
                                      const float* delta, bf16* p, bf16* ds, float* ds_f,
                                      std::int64_t n, std::int64_t from, std::int64_t to) {
  for (std::int64_t j = 0; j < from; ++j) p[j] = 0, ds[j] = 0, ds_f[j] = 0;
  for (std::int64_t j = from; j < to; ++j) {
    const float e = fast_exp(s[j] - lse[j]);
    const float g = e * (dp[j] - delta[j]);
    p[j] = to_bf16(e);
    ds[j] = to_bf16(g);
    ds_f[j] = g;
  }
  for (std::int64_t j = to; j < n; ++j) p[j] = 0, ds[j] = 0, ds_f[j] = 0;
}

HOCKET_CLONES void dot_rows(const bf16* a, const bf16* b, float* out, std::int64_t n,
                            std::int64_t d) {
  for (std::int64_t t = 0; t < n; ++t) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += to_float(a[t * d + i]) * to_float(b[t * d + i]);
    out[t] = sum;
  }
}

HOCKET_CLONES void to_bf16_rows(const float* x, bf16* y, std::int64_t n, std::int64_t d,
                                std::int64_t stride) {
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t i = 0; i < d; ++i) y[t * stride + i] = to_bf16(x[t * d + i]);
}

/// [d, ld] -> [n, d]
void transpose(const float* x, float* y, std::int64_t n, std::int64_t d, std::int64_t ld) {
  for (std::int64_t t0 = 0; t0 < n; t0 += 16)
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t t = t0; t < std::min(n, t0 + 16); ++t) y[t * d + i] = x[i * ld + t];
}
/// [n, d] -> [d, ld], zero padded
void transpose(const bf16* x, bf16* y, std::int64_t n, std::int64_t d, std::int64_t ld) {
  for (std::int64_t t0 = 0; t0 < ld; t0 += 16)
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t t = t0; t < std::min(ld, t0 + 16); ++t)
        y[i * ld + t] = t < n ? x[t * d + i] : bf16{0};
}

struct head_view {
  std::int64_t length, padded, stride, d;
  int window;
};

void attend_head(const attention_shape& s, const head_view& v, space& w, const float* bias,
                 bf16* out, std::int64_t out_stride, float* lse) {
  const std::int64_t d = v.d;
  float* scores = w.s.get(tile * v.padded);
  bf16* p = w.p_rows.get(tile * v.padded);
  float* e = w.tmp.get(v.padded);
  float* o = w.p.get(tile * std::max(d, v.padded));
  for (std::int64_t q0 = 0; q0 < v.length; q0 += tile) {
    const std::int64_t m = std::min(tile, v.length - q0);
    std::int64_t low = v.window > 0 ? std::max<std::int64_t>(0, q0 - v.window + 1) : 0;
    low &= ~std::int64_t{1};
    const std::int64_t n = round_up(q0 + m - low, 16);
    gemm_pairs(w.q_rows.get(0) + q0 * d, d, w.k_d.get(0) + low * 2, v.padded, scores, n, m, n, d,
               false);
    for (std::int64_t i = 0; i < m; ++i) {
      const std::int64_t at = q0 + i;
      const std::int64_t first = v.window > 0 ? std::max<std::int64_t>(0, at - v.window + 1) : 0;
      float* row = scores + i * n;
      if (bias)
        for (std::int64_t j = std::max(first, at - s.extent + 1); j <= at; ++j)
          row[j - low] += bias[at - j];
      lse[at] = softmax_row(row, p + i * n, e, n, first - low, at - low + 1);
    }
    gemm_pairs(p, n, w.v_pairs.get(0) + low * d, d, o, d, m, d, n, false);
    to_bf16_rows(o, out + q0 * out_stride, m, d, out_stride);
  }
}

void attend_head_backward(const attention_shape& s, const head_view& v, space& w, const float* bias,
                          const float* lse, float* dbias) {
  const std::int64_t d = v.d;
  float* scores = w.s.get(tile * v.padded);
  float* dp = w.p.get(tile * v.padded);
  bf16* p = w.p_rows.get(tile * v.padded);
  bf16* ds = w.s_rows.get(tile * v.padded);
  bf16* ds_pairs = w.s_pairs.get(tile * v.padded);
  float* ds_f = w.tmp.get(v.padded);
  const float* delta = w.delta.get(0);
  for (std::int64_t k0 = 0; k0 < v.length; k0 += tile) {
    const std::int64_t m = std::min(tile, v.length - k0);
    const std::int64_t end = v.window > 0 ? std::min(v.length, k0 + m - 1 + v.window) : v.length;
    const std::int64_t n = round_up(end - k0, 16);
    gemm_pairs(w.k_rows.get(0) + k0 * d, d, w.q_d.get(0) + k0 * 2, v.padded, scores, n, m, n, d,
               false);
    gemm_pairs(w.v_rows.get(0) + k0 * d, d, w.o_d.get(0) + k0 * 2, v.padded, dp, n, m, n, d, false);
    for (std::int64_t i = 0; i < tile; ++i) {
      const std::int64_t key = k0 + i;
      const std::int64_t to =
          i < m ? std::min(v.length, v.window > 0 ? key + v.window : v.length) - k0 : i;
      float* row = scores + i * n;
      if (i < m && bias)
        for (std::int64_t j = i; j < std::min(to, i + s.extent); ++j) row[j] += bias[j - i];
      score_gradient_row(row, dp + i * n, lse + k0, delta + k0, p + i * n, ds + i * n, ds_f, n,
                         std::min(i, to), to);
      if (i < m && dbias)
        for (std::int64_t j = i; j < std::min(to, i + s.extent); ++j) dbias[j - i] += ds_f[j];
    }
    gemm_pairs(p, n, w.o_pairs.get(0) + k0 * d, d, w.dv.get(0) + k0 * d, d, m, d, n, true);
    gemm_pairs(ds, n, w.q_pairs.get(0) + k0 * d, d, w.dk.get(0) + k0 * d, d, m, d, n, true);
    pack_rows(ds, ds_pairs, tile, n, tile);
    gemm_pairs(w.k_cols.get(0) + k0, v.padded, ds_pairs, n, w.dq_t.get(0) + k0, v.padded, d, n,
               tile, true);
  }
}

}  // namespace

void attention(const attention_shape& s, const bf16* qkv, bf16* out, float* lse) {
  space& w = workspace();
  const std::int64_t d = s.head_dim, length = s.length, stride = s.row();
  const head_view view{length, round_up(length, tile) + tile, stride, d, s.window};
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const int group = s.heads / s.kv_heads;
  for (std::int64_t b = 0; b < s.sequences; ++b)
    for (int kv = s.kv_first; kv < s.kv_end(); ++kv) {
      const bf16* base = qkv + b * length * stride;
      bf16* k_rows = w.k_rows.get(length * d);
      prepare(s, base + (s.heads + kv) * d, stride, s.k_gain, 1.0f, k_rows,
              w.inverse_k.get(length));
      pack_columns(k_rows, w.k_d.get(view.padded * d), length, d, view.padded);
      bf16* v_rows = w.v_rows.get(length * d);
      copy_head(base + (s.heads + s.kv_heads + kv) * d, stride, length, d, v_rows);
      pack_rows(v_rows, w.v_pairs.get(view.padded * d), length, d, view.padded);
      for (int h = kv * group; h < (kv + 1) * group; ++h) {
        prepare(s, base + h * d, stride, s.q_gain, scale, w.q_rows.get(length * d),
                w.inverse_q.get(length));
        attend_head(s, view, w, s.bias ? s.bias + h * s.extent : nullptr,
                    out + b * length * s.heads * d + h * d, s.heads * d,
                    lse + (b * s.heads + h) * length);
      }
    }
}

void attention_backward(const attention_shape& s, const bf16* qkv, const bf16* out,
                        const float* lse, const bf16* dout, bf16* dqkv, float* dq_gain,
                        float* dk_gain, float* dbias) {
  space& w = workspace();
  const std::int64_t d = s.head_dim, length = s.length, stride = s.row();
  const head_view view{length, round_up(length, tile) + tile, stride, d, s.window};
  const std::int64_t padded = view.padded, out_stride = s.heads * d;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const int group = s.heads / s.kv_heads;
  for (std::int64_t b = 0; b < s.sequences; ++b)
    for (int kv = s.kv_first; kv < s.kv_end(); ++kv) {
      const bf16* base = qkv + b * length * stride;
      bf16* dbase = dqkv + b * length * stride;
      const bf16* k_raw = base + (s.heads + kv) * d;
      bf16* k_rows = w.k_rows.get(length * d);
      prepare(s, k_raw, stride, s.k_gain, 1.0f, k_rows, w.inverse_k.get(length));
      transpose(k_rows, w.k_cols.get(padded * d), length, d, padded);
      copy_head(base + (s.heads + s.kv_heads + kv) * d, stride, length, d,
                w.v_rows.get(length * d));
      std::memset(w.dk.get(length * d), 0, length * d * sizeof(float));
      std::memset(w.dv.get(length * d), 0, length * d * sizeof(float));
      for (int h = kv * group; h < (kv + 1) * group; ++h) {
        bf16* q_rows = w.q_rows.get(length * d);
        prepare(s, base + h * d, stride, s.q_gain, scale, q_rows, w.inverse_q.get(length));
        pack_columns(q_rows, w.q_d.get(padded * d), length, d, padded);
        pack_rows(q_rows, w.q_pairs.get(padded * d), length, d, padded);
        bf16* o_rows = w.o_rows.get(length * d);
        float* delta = w.delta.get(padded);
        copy_head(out + b * length * out_stride + h * d, out_stride, length, d, o_rows);
        bf16* g_rows = w.v_t.get(length * d);
        copy_head(dout + b * length * out_stride + h * d, out_stride, length, d, g_rows);
        dot_rows(o_rows, g_rows, delta, length, d);
        pack_columns(g_rows, w.o_d.get(padded * d), length, d, padded);
        pack_rows(g_rows, w.o_pairs.get(padded * d), length, d, padded);
        std::memset(w.dq_t.get(padded * d), 0, padded * d * sizeof(float));
        attend_head_backward(s, view, w, s.bias ? s.bias + h * s.extent : nullptr,
                             lse + (b * s.heads + h) * length,
                             dbias ? dbias + h * s.extent : nullptr);
        float* dq = w.tmp.get(padded * d);
        transpose(w.dq_t.get(0), dq, length, d, padded);
        prepare_backward(s, base + h * d, stride, s.q_gain, scale, dq, w.inverse_q.get(0),
                         dbase + h * d, stride, dq_gain);
      }
      prepare_backward(s, k_raw, stride, s.k_gain, 1.0f, w.dk.get(0), w.inverse_k.get(0),
                       dbase + (s.heads + kv) * d, stride, dk_gain);
      to_bf16_rows(w.dv.get(0), dbase + (s.heads + s.kv_heads + kv) * d, length, d, stride);
    }
}

}  // namespace hocket::engine::kernels
