// Gradients of low-rank parts as rounded products: near double precision, a part's bits its own.
#include "engine/transformer/low_rank_gradients.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "engine/transformer/low_rank.hpp"

using namespace hocket::engine::kernels;

namespace {

std::vector<float> numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> all(static_cast<std::size_t>(count));
  for (auto& v : all) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 700;
  return all;
}

/// A batch of `rows` rows whose layer has `width` outputs; parts take some rows and some outputs of them.
struct batch {
  static constexpr std::int64_t in = 48, width = 96;
  std::int64_t rows;
  std::vector<float> g, x, by_x;
  explicit batch(std::int64_t n)
      : rows(n), g(numbers(n * width, 1)), x(numbers(n * in, 2)), by_x(numbers(n * in, 3)) {}
};

struct part {
  std::int64_t begin, end, rank, first, out;
  std::vector<float> down, up, h, by_down, by_up;
  part(std::int64_t b, std::int64_t e, std::int64_t r, std::int64_t f, std::int64_t o)
      : begin(b),
        end(e),
        rank(r),
        first(f),
        out(o),
        down(numbers(r * batch::in, 4)),
        up(numbers(o * r, 5)),
        h(numbers((e - b) * padded_rank(r), 6)),
        by_down(static_cast<std::size_t>(r * batch::in), NAN),
        by_up(static_cast<std::size_t>(o * r), NAN) {}
  static constexpr float scale = 1.7f;
  low_rank_rows view() {
    return {begin,       end,       rank,     first,          out,         scale,
            down.data(), up.data(), h.data(), by_down.data(), by_up.data()};
  }
};

/// Largest difference over the largest number.
double error(const std::vector<float>& got, const std::vector<double>& wanted) {
  double most = 0, greatest = 1e-9;
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(std::isfinite(got[i]));
    most = std::max(most, std::fabs(got[i] - wanted[i]));
    greatest = std::max(greatest, std::fabs(wanted[i]));
  }
  return most / greatest;
}

void check(const batch& before, const part& p, const std::vector<float>& by_x) {
  const auto n = p.end - p.begin, padded = padded_rank(p.rank);
  std::vector<double> by_h(static_cast<std::size_t>(n * p.rank)), wanted_x(by_x.size()),
      by_down(p.by_down.size()), by_up(p.by_up.size());
  for (std::size_t i = 0; i < wanted_x.size(); ++i) wanted_x[i] = before.by_x[i];
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t r = 0; r < p.rank; ++r) {
      for (std::int64_t o = 0; o < p.out; ++o) {
        const double g = before.g[(p.begin + i) * batch::width + p.first + o];
        by_h[i * p.rank + r] += part::scale * g * p.up[o * p.rank + r];
        by_up[o * p.rank + r] += g * p.h[i * padded + r];
      }
      for (std::int64_t k = 0; k < batch::in; ++k) {
        wanted_x[(p.begin + i) * batch::in + k] += by_h[i * p.rank + r] * p.down[r * batch::in + k];
        by_down[r * batch::in + k] +=
            by_h[i * p.rank + r] * before.x[(p.begin + i) * batch::in + k];
      }
    }
  CHECK(error(p.by_down, by_down) < 1e-2);
  CHECK(error(p.by_up, by_up) < 1e-2);
  CHECK(error(by_x, wanted_x) < 1e-2);
}

}  // namespace

TEST_CASE("low-rank gradients of rounded numbers are near those of double precision") {
  for (const std::int64_t rank : {1, 8, 9, 32, 40})
    for (const auto& [begin, end] : {std::pair{0, 1}, {3, 10}, {0, 64}, {2, 131}}) {
      batch b(135);
      part p(begin, end, rank, 16, 64);
      const auto before = b;
      low_rank_gradients(b.g.data(), batch::width, b.x.data(), batch::in, b.by_x.data(),
                         std::vector{p.view()});
      check(before, p, b.by_x);
      for (std::int64_t i = 0; i < b.rows * batch::in; ++i)  // rows that take no part
        if (i / batch::in < begin || i / batch::in >= end) CHECK(b.by_x[i] == before.by_x[i]);
    }
}

TEST_CASE("low-rank gradients: a part's bits are its own, and none is wanted where none learns") {
  batch together(70), alone = together;
  part a(0, 33, 8, 0, 96), b(33, 70, 20, 32, 32), c = a, d = b;
  low_rank_gradients(together.g.data(), batch::width, together.x.data(), batch::in,
                     together.by_x.data(), std::vector{a.view(), b.view()});
  for (auto* p : {&d, &c})
    low_rank_gradients(alone.g.data(), batch::width, alone.x.data(), batch::in, alone.by_x.data(),
                       std::vector{p->view()});
  CHECK(together.by_x == alone.by_x);
  CHECK(a.by_down == c.by_down);
  CHECK(a.by_up == c.by_up);
  CHECK(b.by_down == d.by_down);
  CHECK(b.by_up == d.by_up);

  auto frozen = c.view();
  frozen.by_down = frozen.by_up = nullptr;
  auto by_x = batch(70).by_x;
  low_rank_gradients(alone.g.data(), batch::width, nullptr, batch::in, by_x.data(),
                     std::vector{frozen});
  CHECK(std::equal(by_x.begin(), by_x.begin() + 33 * batch::in, together.by_x.begin()));
  low_rank_gradients(alone.g.data(), batch::width, alone.x.data(), batch::in, nullptr,
                     std::vector{d.view()});
  CHECK(d.by_down == b.by_down);
}

TEST_CASE("low-rank gradients work in columns of 16") {
  part p(0, 4, 8, 0, 48), q(0, 4, 8, 0, 40);
  CHECK(has_low_rank_gradients(std::vector{p.view()}, 48));
  CHECK_FALSE(has_low_rank_gradients(std::vector{p.view()}, 40));
  CHECK_FALSE(has_low_rank_gradients(std::vector{p.view(), q.view()}, 48));
}
