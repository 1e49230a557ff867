// Products of bfloat16 pairs: near the exact ones on every way, a row's bits its own.
#include "engine/transformer/pairs.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::engine::kernels;

namespace {

std::vector<pairs_way> ways_for(std::int64_t in) {
  std::vector<pairs_way> ways{pairs_way::plain};
  if (has_native_bf16()) ways.push_back(pairs_way::native);
  if (best_pairs_way(in) == pairs_way::tiles) ways.push_back(pairs_way::tiles);
  return ways;
}

}  // namespace

TEST_CASE("pairs: every way is near the exact product, and a row's bits are its own") {
  std::mt19937 random(6);
  const auto number = [&] {
    return static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 700;
  };
  for (const std::int64_t out : {1, 64, 65, 200, 256})
    for (const auto& [n, in] : {std::pair{1, 98},
                                {2, 98},
                                {3, 98},
                                {7, 98},
                                {16, 98},
                                {1, 96},
                                {7, 96},
                                {16, 96},
                                {17, 96},
                                {32, 96},
                                {53, 96}}) {
      std::vector<float> w(static_cast<std::size_t>(out * in)), x(static_cast<std::size_t>(n * in));
      for (auto& v : w) v = to_float(to_bf16(number()));
      for (auto& v : x) v = to_float(to_bf16(number()));
      std::vector<bf16> packed(static_cast<std::size_t>(packed_size(out, in))), narrow(x.size());
      pack_pairs(w.data(), packed.data(), out, in);
      round_to_pairs(x.data(), narrow.data(), n * in);
      const auto tiles = (out + 63) / 64;
      for (const auto way : ways_for(in)) {
        std::vector<float> y(static_cast<std::size_t>(n * out), NAN), alone(y.size(), NAN);
        infer_pairs(narrow.data(), packed.data(), y.data(), n, in, out, 0, tiles, way);
        for (std::int64_t r = 0; r < n; ++r)
          for (std::int64_t t = 0; t < tiles; ++t)
            infer_pairs(narrow.data() + r * in, packed.data(), alone.data() + r * out, 1, in, out,
                        t, t + 1, way);
        CHECK(y == alone);
        for (std::int64_t r = 0; r < n; ++r)
          for (std::int64_t o = 0; o < out; ++o) {
            double exact = 0;
            for (std::int64_t k = 0; k < in; ++k)
              exact += static_cast<double>(x[r * in + k]) * w[o * in + k];
            CHECK(y[r * out + o] == doctest::Approx(exact).epsilon(1e-4).scale(10));
          }
      }
    }
}

TEST_CASE("gemm_pairs: near the exact product in every shape, with and without what was there") {
  std::mt19937 random(7);
  const auto number = [&] {
    return static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 700;
  };
  for (const std::int64_t m : {1, 7, 16, 17, 32, 50})
    for (const std::int64_t n : {16, 32, 48})
      for (const std::int64_t k : {2, 30, 32, 64, 66, 80}) {
        // Rows are longer than they are read: what lies behind them is somebody's.
        const auto lda = k + 3, ldb = n + 16, ldc = n + 5;
        std::vector<bf16> a(static_cast<std::size_t>(m * lda)),
            b(static_cast<std::size_t>(k * ldb));
        std::vector<float> before(static_cast<std::size_t>(m * ldc));
        for (auto& v : a) v = to_bf16(number());
        for (auto& v : b) v = to_bf16(number());
        for (auto& v : before) v = number();
        for (const bool adds : {false, true}) {
          auto c = before, alone = before;
          gemm_pairs(a.data(), lda, b.data(), ldb, c.data(), ldc, m, n, k, adds);
          for (std::int64_t i = 0; i < m; ++i)
            gemm_pairs(a.data() + i * lda, lda, b.data(), ldb, alone.data() + i * ldc, ldc, 1, n, k,
                       adds);
          CHECK(c == alone);  // a row's bits are its own
          for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < ldc; ++j) {
              double sum = adds || j >= n ? before[i * ldc + j] : 0;
              for (std::int64_t p = 0; j < n && p < k; ++p)
                sum += static_cast<double>(to_float(a[i * lda + p])) *
                       to_float(b[p / 2 * 2 * ldb + 2 * j + p % 2]);
              CHECK(c[i * ldc + j] == doctest::Approx(sum).epsilon(1e-4).scale(10));
            }
        }
      }
}
