// Kernels of low-rank parts: near the exact products, and a row's bits its own.
#include "engine/transformer/low_rank.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::engine::kernels;

namespace {

struct shape {
  std::int64_t rank, in, out;
};

template <class Weight>
struct made {
  std::vector<float> down, up;  ///< [rank, in], [out, rank]
  std::vector<Weight> packed_down, packed_up;
};

/// Numbers that bfloat16 holds, so that both forms are exact.
std::vector<float> numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> all(static_cast<std::size_t>(count));
  for (auto& v : all)
    v = to_float(to_bf16(static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 700));
  return all;
}

template <class Weight>
made<Weight> make(const shape& s) {
  made<Weight> m{numbers(s.rank * s.in, 1), numbers(s.out * s.rank, 2), {}, {}};
  m.packed_down.resize(static_cast<std::size_t>(padded_rank(s.rank) * s.in));
  m.packed_up.resize(static_cast<std::size_t>(packed_size(s.out, s.rank)));
  pack_ranks(m.down.data(), m.packed_down.data(), s.rank, s.in);
  pack_weights(m.up.data(), m.packed_up.data(), s.out, s.rank);
  return m;
}

template <class Weight>
void check(const shape& s) {
  CAPTURE(s.rank);
  CAPTURE(s.in);
  CAPTURE(s.out);
  const auto m = make<Weight>(s);
  std::vector<float> back(m.down.size(), NAN);
  unpack_ranks(m.packed_down.data(), back.data(), s.rank, s.in);
  CHECK(back == m.down);

  constexpr std::int64_t n = 7;
  constexpr float scale = 0.37f;
  const auto padded = padded_rank(s.rank), stride = s.out + 3, tiles = (s.out + 63) / 64;
  const auto x = numbers(n * s.in, 3), before = numbers(n * stride, 4);
  std::vector<float> h(static_cast<std::size_t>(n * padded), NAN);
  infer_down(x.data(), s.in, m.packed_down.data(), h.data(), n, s.in, s.rank, scale);
  auto y = before;
  infer_up(h.data(), m.packed_up.data(), y.data(), stride, n, s.rank, s.out, 0, tiles);

  // Row by row and tile by tile, with what is read next asked for.
  auto alone = before;
  for (std::int64_t r = 0; r < n; ++r) {
    std::vector<float> own(static_cast<std::size_t>(padded), NAN);
    infer_down(x.data() + r * s.in, s.in, m.packed_down.data(), own.data(), 1, s.in, s.rank, scale,
               m.packed_up.data());
    for (auto t = tiles - 1; t >= 0; --t)
      infer_up(own.data(), m.packed_up.data(), alone.data() + r * stride, stride, 1, s.rank, s.out,
               t, t + 1, m.packed_down.data());
  }
  CHECK(y == alone);

  for (std::int64_t r = 0; r < n; ++r) {
    std::vector<double> between(static_cast<std::size_t>(s.rank));
    for (std::int64_t j = 0; j < s.rank; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < s.in; ++k)
        sum += static_cast<double>(x[r * s.in + k]) * m.down[j * s.in + k];
      between[static_cast<std::size_t>(j)] = sum * scale;
      CHECK(h[r * padded + j] == doctest::Approx(sum * scale).epsilon(1e-5).scale(10));
    }
    for (auto j = s.rank; j < padded; ++j) CHECK(h[r * padded + j] == 0);
    for (std::int64_t c = 0; c < stride; ++c) {
      double sum = before[r * stride + c];
      for (std::int64_t j = 0; c < s.out && j < s.rank; ++j)
        sum += between[static_cast<std::size_t>(j)] * m.up[c * s.rank + j];
      if (c >= s.out)
        CHECK(y[r * stride + c] == before[r * stride + c]);  // another part's columns
      else
        CHECK(y[r * stride + c] == doctest::Approx(sum).epsilon(1e-5).scale(100));
    }
  }
}

}  // namespace

TEST_CASE("low-rank parts are near the exact products, and a row's bits are its own") {
  for (const std::int64_t rank : {1, 4, 8, 9, 16, 20, 32, 40})
    for (const auto& [in, out] : {std::pair{97, 65}, {3, 1}, {64, 192}}) {
      check<float>({rank, in, out});
      check<bf16>({rank, in, out});
    }
}

TEST_CASE("sums of outer products are those of double precision, in whole and in ranges") {
  constexpr std::int64_t n = 37, stride = 150;
  for (const std::int64_t rank : {1, 8, 12, 32})
    for (const std::int64_t count : {1, 31, 32, 145}) {
      const auto padded = padded_rank(rank);
      const auto h = numbers(n * padded, 5), x = numbers(n * stride, 6);
      std::vector<float> y(static_cast<std::size_t>(rank * count), NAN), other(y.size(), NAN);
      sum_outer(h.data(), x.data(), stride, y.data(), n, rank, count, 0, count, false);
      for (std::int64_t first = 0; first < count; first += 64)
        sum_outer(h.data(), x.data(), stride, other.data(), n, rank, count, first,
                  std::min(count, first + 64), true);
      for (std::int64_t r = 0; r < rank; ++r)
        for (std::int64_t c = 0; c < count; ++c) {
          double sum = 0;
          for (std::int64_t i = 0; i < n; ++i)
            sum += static_cast<double>(h[i * padded + r]) * x[i * stride + c];
          CHECK(y[r * count + c] == doctest::Approx(sum).epsilon(1e-5).scale(10));
          CHECK(y[r * count + c] == other[c * rank + r]);
        }
    }
}
