// Gradients of elementwise steps against derivatives in double precision, and a row's bits its own.
#include "engine/transformer/exact_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::engine::kernels;

namespace {

std::vector<float> numbers(std::int64_t n, unsigned seed, float size = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& v : out) v = normal(random) * size;
  return out;
}

using row_function = std::function<std::vector<double>(const std::vector<double>&)>;
using backward = std::function<void(const float* dy, const float* x, float* dx, std::int64_t n)>;

/// Of rows of `in` numbers with `out` results each.
void check(std::int64_t in, std::int64_t out, float size, const row_function& f,
           const backward& kernel) {
  constexpr std::int64_t n = 5;
  const auto x = numbers(n * in, 1, size), dy = numbers(n * out, 2);
  std::vector<float> dx(x.size(), NAN), alone(x.size(), NAN);
  kernel(dy.data(), x.data(), dx.data(), n);
  for (std::int64_t r = 0; r < n; ++r)
    kernel(dy.data() + r * out, x.data() + r * in, alone.data() + r * in, 1);
  CHECK(dx == alone);
  for (std::int64_t r = 0; r < n; ++r) {
    std::vector<double> row(x.begin() + r * in, x.begin() + (r + 1) * in);
    for (std::int64_t i = 0; i < in; ++i) {
      constexpr double h = 1e-5;
      const double here = row[static_cast<std::size_t>(i)];
      row[static_cast<std::size_t>(i)] = here + h;
      const auto above = f(row);
      row[static_cast<std::size_t>(i)] = here - h;
      const auto below = f(row);
      row[static_cast<std::size_t>(i)] = here;
      double wanted = 0;
      for (std::int64_t j = 0; j < out; ++j)
        wanted += dy[static_cast<std::size_t>(r * out + j)] *
                  (above[static_cast<std::size_t>(j)] - below[static_cast<std::size_t>(j)]) /
                  (2 * h);
      CHECK(dx[static_cast<std::size_t>(r * in + i)] ==
            doctest::Approx(wanted).epsilon(1e-4).scale(0.1));
    }
  }
}

double silu(double v) { return v / (1 + std::exp(-v)); }

}  // namespace

TEST_CASE("exact gradients of norms and gates are those of their formulas, row by row") {
  for (const std::int64_t d : {1, 7, 48, 67}) {
    CAPTURE(d);
    const auto gain = numbers(d, 3);
    for (const bool with : {false, true})
      check(
          d, d, 1,
          [&](const std::vector<double>& x) {
            double sum = 0;
            for (const double v : x) sum += v * v;
            auto y = x;
            for (std::int64_t i = 0; i < d; ++i)
              y[static_cast<std::size_t>(i)] *= (with ? gain[static_cast<std::size_t>(i)] : 1.0) /
                                                std::sqrt(sum / static_cast<double>(d) + 1e-3);
            return y;
          },
          [&](const float* dy, const float* x, float* dx, std::int64_t n) {
            exact_rms_norm_backward(dy, x, with ? gain.data() : nullptr, dx, n, d, 1e-3f);
          });
    check(
        d, d, 4,
        [](const std::vector<double>& x) {
          auto y = x;
          for (auto& v : y) v = silu(v);
          return y;
        },
        [&](const float* dy, const float* x, float* dx, std::int64_t n) {
          exact_silu_backward(dy, x, dx, n, d);
        });
    check(
        2 * d, d, 4,
        [&](const std::vector<double>& x) {
          std::vector<double> y;
          for (std::int64_t i = 0; i < d; ++i)
            y.push_back(silu(x[static_cast<std::size_t>(i)]) * x[static_cast<std::size_t>(d + i)]);
          return y;
        },
        [&](const float* dy, const float* x, float* dx, std::int64_t n) {
          exact_swiglu_backward(dy, x, dx, n, d);
        });
  }
}

TEST_CASE("exact gradients of gates stay finite where an exponential would not") {
  for (const float v : {-1000.0f, -90.0f, 90.0f, 1000.0f}) {
    const float x[] = {v, 2}, one = 1;
    float dx[2], dgu[2];
    exact_silu_backward(&one, x, dx, 1, 1);
    CHECK(dx[0] == doctest::Approx(v > 0 ? 1 : 0));
    exact_swiglu_backward(&one, x, dgu, 1, 1);
    CHECK(dgu[0] == doctest::Approx(v > 0 ? 2 : 0));
    CHECK(dgu[1] == doctest::Approx(v > 0 ? v : 0));
  }
}

TEST_CASE("a weighted softmax is that of double precision, and tells what is not finite") {
  for (const std::int64_t n : {1, 15, 1000}) {
    auto scores = numbers(n, 3, 20);
    std::vector<float> y(scores.size(), NAN);
    weighted_softmax(scores.data(), y.data(), n, -2.5f);
    double greatest = -1e30, sum = 0;
    for (const float s : scores) greatest = std::max(greatest, static_cast<double>(s));
    for (const float s : scores) sum += std::exp(s - greatest);
    for (std::size_t i = 0; i < y.size(); ++i)
      CHECK(y[i] ==
            doctest::Approx(-2.5 * std::exp(scores[i] - greatest) / sum).epsilon(1e-5).scale(1e-3));
    for (const float bad : {NAN, INFINITY}) {
      scores[static_cast<std::size_t>(n / 2)] = bad;
      weighted_softmax(scores.data(), y.data(), n, -2.5f);
      for (const float v : y) CHECK(std::isnan(v));
    }
  }
}
