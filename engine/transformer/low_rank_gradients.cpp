#include "engine/transformer/low_rank_gradients.hpp"

#include <algorithm>
#include <vector>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/low_rank.hpp"
#include "engine/transformer/pairs.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine::kernels {
namespace {

constexpr std::int64_t side = 16;          // gemm_pairs takes columns by so many
constexpr std::int64_t rows_at_once = 64;  // whose rounded numbers stay in a cache
constexpr std::int64_t columns_at_once = 128;

std::int64_t up_to(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Rows of x as pairs of rows [up_to(n, 2) / 2, columns, 2]; a last row without another one pairs with zeros.
HOCKET_CLONES void pairs_of_rows(const float* x, std::int64_t stride, std::int64_t n,
                                 std::int64_t columns, bf16* y) {
  for (std::int64_t i = 0; i < n; i += 2, y += 2 * columns) {
    const float* first = x + i * stride;
    if (i + 1 == n) {
      for (std::int64_t j = 0; j < columns; ++j) y[2 * j] = to_bf16(first[j]), y[2 * j + 1] = 0;
      continue;
    }
    const float* second = first + stride;
    auto* both = reinterpret_cast<std::uint32_t*>(y);
    for (std::int64_t j = 0; j < columns; ++j)
      both[j] = static_cast<std::uint32_t>(to_bf16(first[j])) |
                static_cast<std::uint32_t>(to_bf16(second[j])) << 16;
  }
}

/// The first `count` columns of h [n, stride] as rows [count, up_to(n, 2)].
void transposed(const float* h, std::int64_t stride, std::int64_t n, std::int64_t count, bf16* y) {
  const auto row = up_to(n, 2);
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t i = 0; i < n; ++i) y[r * row + i] = to_bf16(h[i * stride + r]);
    if (row > n) y[r * row + n] = 0;
  }
}

template <class T>
T* space(std::int64_t count, int which) {
  thread_local scratch<T> own[2];
  return own[which].get(count);
}

/// Calls part(first, last) for ranges of `count` units of so many numbers each.
template <class Part>
void in_units(std::int64_t count, std::int64_t numbers, Part part) {
  constexpr std::int64_t between_looks = 2'000'000, worth = 60'000;
  background_work::divide(count, std::max<std::int64_t>(1, between_looks / numbers),
                          std::max<std::int64_t>(1, worth / numbers), part);
}

/// A part on its way: what its products need.
struct turned {
  const low_rank_rows& own;
  std::int64_t rows, padded;  ///< padded: the rank, up to a multiple of 16
  std::vector<float> by_h;    ///< [rows, padded], times the scale
  std::vector<bf16> up, down, narrow, h, by_h_rows;

  turned(const low_rank_rows& part, std::int64_t in, bool by_x)
      : own(part), rows(part.end - part.begin), padded(up_to(part.rank, side)) {
    if (by_x || own.by_down) {
      // [out, padded] in pairs of outputs
      std::vector<float> wide(static_cast<std::size_t>(own.out * padded));
      for (std::int64_t o = 0; o < own.out; ++o)
        std::copy_n(own.up + o * own.rank, own.rank, wide.data() + o * padded);
      up.resize(wide.size());
      pairs_of_rows(wide.data(), padded, own.out, padded, up.data());
      by_h.resize(static_cast<std::size_t>(rows * padded));
      narrow.resize(by_h.size());
    }
    if (by_x) {
      down.resize(static_cast<std::size_t>(padded * in));
      pairs_of_rows(own.down, in, own.rank, in, down.data());
    }
    if (own.by_up) {
      h.resize(static_cast<std::size_t>(own.rank * up_to(rows, 2)));
      transposed(own.h, padded_rank(own.rank), rows, own.rank, h.data());
    }
  }

  /// Some rows: by_h = scale g up, and by_x += by_h down.
  void of_rows(const float* g, std::int64_t width, float* by_x, std::int64_t in, std::int64_t first,
               std::int64_t last) {
    for (auto from = first; from < last; from += rows_at_once) {
      const auto n = std::min(rows_at_once, last - from);
      bf16* rounded = space<bf16>(n * own.out, 0);
      for (std::int64_t i = 0; i < n; ++i)
        round_to_pairs(g + (own.begin + from + i) * width + own.first, rounded + i * own.out,
                       own.out);
      float* to = by_h.data() + from * padded;
      gemm_pairs(rounded, own.out, up.data(), padded, to, padded, n, padded, own.out, false);
      for (std::int64_t i = 0; i < n * padded; ++i) to[i] *= own.scale;
      if (!by_x) continue;
      round_to_pairs(to, narrow.data() + from * padded, n * padded);
      gemm_pairs(narrow.data() + from * padded, padded, down.data(), in,
                 by_x + (own.begin + from) * in, in, n, in, padded, true);
    }
  }

  /// Some columns of by_down: by_h^T x.
  void of_inputs(const float* x, std::int64_t in, std::int64_t first, std::int64_t last) const {
    bf16* pairs = space<bf16>(up_to(rows, 2) * (last - first), 0);
    pairs_of_rows(x + own.begin * in + first, in, rows, last - first, pairs);
    gemm_pairs(by_h_rows.data(), up_to(rows, 2), pairs, last - first, own.by_down + first, in,
               own.rank, last - first, up_to(rows, 2), false);
  }

  /// Some rows of by_up: g^T h, made as h^T g.
  void of_outputs(const float* g, std::int64_t width, std::int64_t first, std::int64_t last) const {
    const auto count = last - first;
    bf16* pairs = space<bf16>(up_to(rows, 2) * count, 0);
    pairs_of_rows(g + own.begin * width + own.first + first, width, rows, count, pairs);
    float* sums = space<float>(own.rank * count, 1);
    gemm_pairs(h.data(), up_to(rows, 2), pairs, count, sums, count, own.rank, count, up_to(rows, 2),
               false);
    for (std::int64_t j = 0; j < count; ++j)
      for (std::int64_t r = 0; r < own.rank; ++r)
        own.by_up[(first + j) * own.rank + r] = sums[r * count + j];
  }
};

/// Calls part(first, last) for columns by 128, rows times columns being worth a helper.
template <class Part>
void by_columns(std::int64_t count, std::int64_t rows, Part part) {
  in_units((count + columns_at_once - 1) / columns_at_once, rows * columns_at_once,
           [&](std::int64_t first, std::int64_t last) {
             for (auto c = first; c < last; ++c)
               part(c * columns_at_once, std::min(count, (c + 1) * columns_at_once));
           });
}

}  // namespace

bool has_low_rank_gradients(std::span<const low_rank_rows> parts, std::int64_t in) {
  return in % side == 0 &&
         std::ranges::all_of(parts, [](const low_rank_rows& p) { return p.out % side == 0; });
}

void low_rank_gradients(const float* g, std::int64_t width, const float* x, std::int64_t in,
                        float* by_x, std::span<const low_rank_rows> parts) {
  for (const auto& p : parts) {
    if (p.begin == p.end) {
      if (p.by_down) std::fill_n(p.by_down, p.rank * in, 0.0f);
      if (p.by_up) std::fill_n(p.by_up, p.out * p.rank, 0.0f);
      continue;
    }
    turned t(p, in, by_x != nullptr);
    if (by_x || p.by_down)
      in_units(t.rows, p.out + in, [&](std::int64_t first, std::int64_t last) {
        t.of_rows(g, width, by_x, in, first, last);
      });
    if (p.by_down) {
      t.by_h_rows.resize(static_cast<std::size_t>(p.rank * up_to(t.rows, 2)));
      transposed(t.by_h.data(), t.padded, t.rows, p.rank, t.by_h_rows.data());
      by_columns(in, t.rows,
                 [&](std::int64_t first, std::int64_t last) { t.of_inputs(x, in, first, last); });
    }
    if (p.by_up)
      by_columns(p.out, t.rows, [&](std::int64_t first, std::int64_t last) {
        t.of_outputs(g, width, first, last);
      });
  }
}

}  // namespace hocket::engine::kernels
