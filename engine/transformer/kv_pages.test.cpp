// Pages of keys and values: shared until written, let go behind windows; attention over them is what
// its formula says, and a row's bits are its own.
#include "engine/transformer/kv_pages.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "engine/transformer/paged_attention.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

std::set<const void*> pages_of(const paged_layer& layer) {
  std::set<const void*> all;
  layer.visit([&](const void* page, std::size_t) { all.insert(page); });
  return all;
}

struct problem {
  kernels::attention_shape shape;
  std::vector<float> qkv, cosine, sine, sinks;
  std::int64_t rows;
  std::int64_t cut = 1000;  ///< queries of one call

  problem(int heads, int kv_heads, int dim, int value_dim, std::int64_t n, int window, bool extras)
      : rows(n) {
    std::mt19937 random(static_cast<unsigned>(heads * dim + value_dim));
    std::uniform_real_distribution<float> number(-1, 1);
    shape.heads = heads, shape.kv_heads = kv_heads, shape.head_dim = dim;
    shape.value_dim = value_dim, shape.window = window;
    for (std::int64_t i = 0; i < n * shape.row(); ++i) qkv.push_back(number(random));
    for (int i = 0; i < heads; ++i) sinks.push_back(number(random));
    if (extras) shape.sinks = sinks.data(), shape.softcap = 2, shape.scale = 0.7f;
    shape.pairs = dim / 2;
    for (std::int64_t i = 0; i < n * shape.pairs; ++i) {
      const float angle = 3 * number(random);
      cosine.push_back(std::cos(angle)), sine.push_back(std::sin(angle));
    }
  }

  kernels::paged_rows part(std::int64_t first, std::int64_t count, std::vector<float>& out) const {
    return {qkv.data() + first * shape.row(),
            out.data() + first * shape.heads * shape.value_dim,
            cosine.data() + first * shape.pairs,
            sine.data() + first * shape.pairs,
            first,
            count};
  }
  void read(paged_layer& layer, std::int64_t first, std::int64_t count,
            std::vector<float>& out) const {
    layer.make_room(first, first + count);
    const auto rows_of_part = part(first, count, out);
    kernels::infer_write_pages(shape, rows_of_part, layer);
    const std::int64_t queries = count * (shape.heads / shape.kv_heads);
    for (int h = 0; h < shape.kv_heads; ++h)
      for (std::int64_t q = 0; q < queries; q += cut)
        kernels::infer_attend_pages(shape, rows_of_part, layer, h, q, std::min(queries, q + cut));
    layer.forget_before(first + count);
  }
  paged_layer fresh() const {
    return {{shape.kv_heads, shape.head_dim, shape.value_dim}, shape.window};
  }

  /// One row's head in double.
  std::vector<double> exact(std::int64_t row, int head) const {
    const int d = shape.head_dim, vd = shape.value_dim, kv = head / (shape.heads / shape.kv_heads);
    const auto turned = [&](std::int64_t r, std::int64_t at) {
      const float* x = qkv.data() + r * shape.row() + at;
      std::vector<double> y(static_cast<std::size_t>(d));
      for (int i = 0; i < d / 2; ++i) {
        const double c = cosine[static_cast<std::size_t>(r * shape.pairs + i)];
        const double s = sine[static_cast<std::size_t>(r * shape.pairs + i)];
        y[i] = x[i] * c - x[i + d / 2] * s;
        y[i + d / 2] = x[i + d / 2] * c + x[i] * s;
      }
      return y;
    };
    const auto q = turned(row, head * d);
    const double scale = shape.scale != 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(d));
    double sum = shape.sinks ? std::exp(static_cast<double>(shape.sinks[head])) : 0;
    std::vector<double> out(static_cast<std::size_t>(vd));
    const std::int64_t from =
        shape.window > 0 ? std::max<std::int64_t>(0, row - shape.window + 1) : 0;
    for (std::int64_t j = from; j <= row; ++j) {
      const auto k = turned(j, (shape.heads + kv) * d);
      double score = 0;
      for (int i = 0; i < d; ++i) score += q[i] * k[i];
      score *= scale;
      if (shape.softcap > 0) score = shape.softcap * std::tanh(score / shape.softcap);
      const double weight = std::exp(score);
      sum += weight;
      const float* v = qkv.data() + j * shape.row() + (shape.heads + shape.kv_heads) * d + kv * vd;
      for (int i = 0; i < vd; ++i) out[i] += weight * v[i];
    }
    for (auto& x : out) x /= sum;
    return out;
  }
};

}  // namespace

TEST_CASE("paged_layer: a copy shares pages, and who writes gets its own") {
  paged_layer a({2, 4, 4}, 0);
  a.make_room(0, 40);
  CHECK(a.bytes() == 3 * page_shape{2, 4, 4}.bytes());
  a.page(1)[5] = 7;
  a.page(2)[5] = 8;
  paged_layer b = a;
  CHECK(pages_of(a) == pages_of(b));
  b.make_room(20, 21);  // within the second page: what came before stays
  CHECK(b.page(1)[5] == 7);
  CHECK(b.page(1) != a.page(1));
  CHECK(b.page(0) == a.page(0));
  b.page(1)[5] = 9;
  CHECK(a.page(1)[5] == 7);
  b.make_room(32, 48);  // a whole page anew: nothing is copied
  CHECK(b.page(2)[5] == 0);
  CHECK(a.page(2)[5] == 8);
  const auto* own = b.page(1);
  b.make_room(21, 22);  // alone by now
  CHECK(b.page(1) == own);
  b.rewind(20);
  CHECK(pages_of(b).size() == 2);
  b.rewind(0);
  CHECK(b.bytes() == 0);
  CHECK(a.page(1)[5] == 7);
}

TEST_CASE("paged_layer: what a window has left behind goes, but for what a short rewind needs") {
  paged_layer a({1, 2, 2}, 20);
  std::int64_t most = 0;
  for (std::int64_t p = 0; p < 1000; ++p) {
    a.make_room(p, p + 1);
    a.forget_before(p + 1);
    most = std::max(most, static_cast<std::int64_t>(pages_of(a).size()));
  }
  CHECK(most <= (20 + paged_layer::slack) / 16 + 2);
  CHECK(a.remembers(1000));
  CHECK(a.remembers(1000 - paged_layer::slack));
  CHECK(!a.remembers(800));
}

TEST_CASE("attention over pages is its formula, and a row's bits depend on what it sees alone") {
  struct shape {
    int heads, kv_heads, dim, value_dim, window;
    bool extras;
  };
  for (const auto& s : {shape{4, 4, 16, 16, 0, false},
                        {9, 3, 64, 64, 0, false},
                        {6, 1, 8, 20, 0, true},
                        {4, 2, 16, 70, 11, true},
                        {2, 2, 32, 32, 16, false},
                        {8, 1, 64, 64, 5, false}}) {
    CAPTURE(s.heads);
    CAPTURE(s.window);
    const std::int64_t n = 75;
    const problem p(s.heads, s.kv_heads, s.dim, s.value_dim, n, s.window, s.extras);
    problem something_else = p;
    for (auto& x : something_else.qkv) x = 0.5f - x;
    std::vector<float> whole(static_cast<std::size_t>(n * s.heads * s.value_dim), NAN);
    auto layer = p.fresh();
    p.read(layer, 0, n, whole);
    for (const std::int64_t row : {0, 1, 15, 16, 17, 40, 74})
      for (int h = 0; h < s.heads; ++h) {
        const auto want = p.exact(row, h);
        for (int i = 0; i < s.value_dim; ++i)
          CHECK(whole[static_cast<std::size_t>((row * s.heads + h) * s.value_dim + i)] ==
                doctest::Approx(want[i]).epsilon(1e-4).scale(1));
      }
    std::mt19937 random(3);
    for (int round = 0; round < 4; ++round) {  // cut anywhere, forked, gone back
      std::vector<float> cut(whole.size(), NAN);
      auto one = p.fresh();
      auto in_pieces = p;  // queries of one row in several calls, too
      in_pieces.cut = 1 + 2 * round;
      for (std::int64_t at = 0; at < n;) {
        const auto count =
            round == 0 ? 1 : std::min<std::int64_t>(n - at, 1 + static_cast<int>(random() % 30));
        in_pieces.read(one, at, count, cut);
        if (round == 2) {
          paged_layer other = one;  // goes on with something else meanwhile
          auto nonsense = cut;
          if (at + count + 3 <= n) something_else.read(other, at + count, 3, nonsense);
        }
        at += count;
        if (round == 3 && at > 8 && at < n && random() % 2 == 0 && one.remembers(at - 5)) {
          at -= 5;
          one.rewind(at);
        }
      }
      CHECK(cut == whole);
    }
  }
}
