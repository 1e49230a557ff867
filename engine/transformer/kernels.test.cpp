// The streaming kernels against double precision, and the order of their sums bit for bit.
#include "engine/transformer/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine::kernels;

namespace {

std::vector<float> numbers(std::size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(n);
  for (float& v : out) v = normal(random);
  return out;
}

/// What bfloat16 holds exactly.
std::vector<float> coarse(std::vector<float> v) {
  for (float& x : v) x = to_float(to_bf16(x));
  return v;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One head's attention over rows of keys and values, in double.
std::vector<double> attended(const attention_shape& s, int head,
                             const std::vector<std::vector<float>>& rows, std::size_t position) {
  const auto d = static_cast<std::size_t>(s.head_dim);
  const auto vd = static_cast<std::size_t>(s.values());
  const auto shared = static_cast<std::size_t>(head / (s.heads / s.kv_heads));
  const auto keys = static_cast<std::size_t>(s.heads) * d;
  const auto values = keys + static_cast<std::size_t>(s.kv_heads) * d;
  const std::size_t first = s.window > 0 && position + 1 > static_cast<std::size_t>(s.window)
                                ? position + 1 - s.window
                                : 0;
  std::vector<double> out(vd);
  double sum = s.sinks ? std::exp(static_cast<double>(s.sinks[head])) : 0;
  for (std::size_t j = first; j <= position; ++j) {
    double score = 0;
    for (std::size_t i = 0; i < d; ++i)
      score += static_cast<double>(rows[position][static_cast<std::size_t>(head) * d + i]) *
               rows[j][keys + shared * d + i];
    score *= s.scale != 0 ? s.scale : 1 / std::sqrt(static_cast<double>(d));
    const auto distance = static_cast<int>(position - j);
    if (s.bias && distance < s.extent) score += s.bias[head * s.extent + distance];
    if (s.softcap > 0) score = s.softcap * std::tanh(score / s.softcap);
    const double weight = std::exp(score);
    sum += weight;
    for (std::size_t i = 0; i < vd; ++i) out[i] += weight * rows[j][values + shared * vd + i];
  }
  for (double& v : out) v /= sum;
  return out;
}

/// The largest difference between infer_attention over a stream and `attended`.
double attention_error(attention_shape s, std::int64_t capacity, std::size_t length) {
  std::vector<std::vector<float>> rows;
  std::vector<float> k(static_cast<std::size_t>(capacity * s.kv_heads * s.head_dim));
  std::vector<float> v(static_cast<std::size_t>(capacity * s.kv_heads * s.values()));
  double worst = 0;
  for (std::size_t p = 0; p < length; ++p) {
    rows.push_back(numbers(static_cast<std::size_t>(s.row()), static_cast<unsigned>(p) + 10));
    std::vector<float> out(static_cast<std::size_t>(s.heads * s.values()), NAN);
    infer_attention(s, {k.data(), v.data(), capacity}, static_cast<std::int64_t>(p),
                    rows.back().data(), out.data());
    for (int h = 0; h < s.heads; ++h) {
      const auto expected = attended(s, h, rows, p);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double got = out[static_cast<std::size_t>(h) * expected.size() + i];
        worst = hocket::testing::larger(worst, std::abs(expected[i] - got));
      }
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("kernels: bfloat16 keeps what it can hold, and rounds to nearest even") {
  for (std::uint32_t u = 0; u < 0x10000; ++u) {
    const auto half = static_cast<bf16>(u);
    const float f = to_float(half);
    if (!std::isnan(f)) CHECK_MESSAGE(to_bf16(f) == half, u);
  }
  CHECK(to_float(to_bf16(1.0f + 0x1p-8f)) == 1.0f);                // a tie: down to even
  CHECK(to_float(to_bf16(1.0f + 3 * 0x1p-8f)) == 1.0f + 0x1p-6f);  // a tie: up to even
  CHECK(to_float(to_bf16(1.0f + 0x1.02p-8f)) == 1.0f + 0x1p-7f);
  CHECK(to_float(to_bf16(-1.0f - 0x1.02p-8f)) == -1.0f - 0x1p-7f);
  CHECK(std::isinf(to_float(to_bf16(3.4e38f))));
  CHECK(std::isnan(to_float(to_bf16(NAN))));
}

TEST_CASE("kernels: infer_linear sums in order, whatever the rows and tiles") {
  for (const std::int64_t out : {1, 63, 64, 65, 200}) {
    const std::int64_t in = 37, n = 9, tiles = (out + 63) / 64;
    const auto w = coarse(numbers(static_cast<std::size_t>(out * in)));
    const auto x = numbers(static_cast<std::size_t>(n * in), 2);
    REQUIRE(packed_size(out, in) == tiles * 64 * in);
    std::vector<float> packed(static_cast<std::size_t>(packed_size(out, in)));
    std::vector<bf16> halves(packed.size());
    pack_weights(w.data(), packed.data(), out, in);
    pack_weights(w.data(), halves.data(), out, in);
    const auto size = static_cast<std::size_t>(n * out);
    // One more number at the end, which is nobody's.
    std::vector<float> whole(size + 1, 42.0f), alone = whole, half = whole, apart = whole;
    infer_linear(x.data(), packed.data(), whole.data(), n, in, out, 0, tiles);
    infer_linear(x.data(), halves.data(), half.data(), n, in, out, 0, tiles);
    for (std::int64_t i = 0; i < n; ++i)
      infer_linear(x.data() + i * in, packed.data(), alone.data() + i * out, 1, in, out, 0, tiles);
    for (std::int64_t j = 0; j < tiles; ++j)
      infer_linear(x.data(), packed.data(), apart.data(), n, in, out, j, j + 1);
    CHECK(whole.back() == 42.0f);
    CHECK(same_bits(whole, half));
    CHECK(same_bits(whole, alone));
    CHECK(same_bits(whole, apart));
    double worst = 0;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t o = 0; o < out; ++o) {
        double sum = 0;
        for (std::int64_t k = 0; k < in; ++k)
          sum += static_cast<double>(x[static_cast<std::size_t>(i * in + k)]) *
                 w[static_cast<std::size_t>(o * in + k)];
        worst = hocket::testing::larger(
            worst, std::abs(sum - whole[static_cast<std::size_t>(i * out + o)]));
      }
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("kernels: norms and activations agree with their formulas, row by row") {
  const std::int64_t n = 3, d = 50;
  auto x = numbers(static_cast<std::size_t>(n * d));
  for (float& v : x) v *= 5;
  x[0] = 100, x[1] = -100;  // where exp() would leave the range of a float
  const auto gain = numbers(d, 2), shift = numbers(d, 3);
  std::vector<float> rms(x.size()), plain(x.size()), layer(x.size());
  infer_rms_norm(x.data(), gain.data(), rms.data(), n, d, 1e-6f);
  infer_rms_norm(x.data(), nullptr, plain.data(), n, d, 1e-6f);
  infer_layer_norm(x.data(), gain.data(), shift.data(), layer.data(), n, d, 1e-6f);
  for (std::int64_t t = 0; t < n; ++t) {
    double sum = 0, squares = 0, spread = 0;
    const float* row = x.data() + t * d;
    for (std::int64_t i = 0; i < d; ++i)
      sum += row[i], squares += static_cast<double>(row[i]) * row[i];
    for (std::int64_t i = 0; i < d; ++i) spread += std::pow(row[i] - sum / d, 2);
    for (std::int64_t i = 0; i < d; ++i) {
      const auto at = static_cast<std::size_t>(t * d + i);
      const double one = row[i] / std::sqrt(squares / d + 1e-6);
      CHECK(plain[at] == doctest::Approx(one).epsilon(1e-5));
      CHECK(rms[at] == doctest::Approx(one * gain[i]).epsilon(1e-5));
      CHECK(layer[at] ==
            doctest::Approx((row[i] - sum / d) / std::sqrt(spread / d + 1e-6) * gain[i] + shift[i])
                .epsilon(1e-4));
    }
  }
  const std::int64_t f = d / 2;
  std::vector<float> swiglu(static_cast<std::size_t>(n * f)), geglu = swiglu, clamped = swiglu;
  std::vector<float> silu(x.size()), relu(x.size());
  infer_swiglu(x.data(), swiglu.data(), n, f);
  infer_geglu(x.data(), geglu.data(), n, f);
  infer_clamped(x.data(), clamped.data(), n, f);
  infer_silu(x.data(), silu.data(), n * d);
  infer_relu_squared(x.data(), relu.data(), n * d);
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t i = 0; i < f; ++i) {
      const double g = x[static_cast<std::size_t>(t * d + i)];
      const double u = x[static_cast<std::size_t>(t * d + f + i)];
      const auto at = static_cast<std::size_t>(t * f + i);
      const auto near = [](double v) { return doctest::Approx(v).epsilon(1e-5).scale(1e-3); };
      CHECK(swiglu[at] == near(g * sigmoid(g) * u));
      const double z = std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
      CHECK(geglu[at] == near(0.5 * g * (1 + std::tanh(z)) * u));
      const double gate = std::min(g, 7.0), up = std::clamp(u, -7.0, 7.0);
      CHECK(clamped[at] == near(gate * sigmoid(1.702 * gate) * (up + 1)));
      CHECK(silu[static_cast<std::size_t>(t * d + i)] == near(g * sigmoid(g)));
      CHECK(relu[static_cast<std::size_t>(t * d + i)] == near(std::pow(std::max(g, 0.0), 2)));
    }
}

TEST_CASE("kernels: attention of a stream, with each thing that a shape may ask for") {
  attention_shape s;
  s.heads = 4, s.kv_heads = 4, s.head_dim = 8;
  CHECK(attention_error(s, 16, 12) < 1e-5);
  s.kv_heads = 2;  // queries share keys
  CHECK(attention_error(s, 16, 12) < 1e-5);
  s.window = 5;  // and a ring of that size goes round
  CHECK(attention_error(s, 5, 17) < 1e-5);
  CHECK(attention_error(s, 9, 17) < 1e-5);
  s.value_dim = 3;
  CHECK(attention_error(s, 5, 17) < 1e-5);
  const auto bias = numbers(4 * 3, 5), sinks = numbers(4, 6);
  s.bias = bias.data(), s.extent = 3;
  CHECK(attention_error(s, 5, 17) < 1e-5);
  s.sinks = sinks.data();
  CHECK(attention_error(s, 5, 17) < 1e-5);
  s.scale = 2;
  s.softcap = 1.5;
  CHECK(attention_error(s, 5, 17) < 1e-5);
}

TEST_CASE(
    "kernels: attention of a stream by whole vectors, and where a ring's end cuts its blocks") {
  attention_shape s;
  s.heads = 6, s.kv_heads = 3;
  for (const int d : {16, 20, 40})
    for (const int values : {16, 84, 130}) {
      CAPTURE(d);
      CAPTURE(values);
      s.head_dim = d, s.value_dim = values, s.window = 0;
      CHECK(attention_error(s, 64, 50) < 1e-5);
      s.window = 37;
      // The same bits wherever the ring ends.
      std::vector<float> first;
      for (const std::int64_t capacity : {37, 41, 64, 100}) {
        CHECK(attention_error(s, capacity, 90) < 1e-5);
        std::vector<float> k(static_cast<std::size_t>(capacity * s.kv_heads * d));
        std::vector<float> v(static_cast<std::size_t>(capacity * s.kv_heads * values));
        std::vector<float> out(static_cast<std::size_t>(s.heads * values));
        for (unsigned p = 0; p < 90; ++p)
          infer_attention(s, {k.data(), v.data(), capacity}, p,
                          numbers(static_cast<std::size_t>(s.row()), p).data(), out.data());
        if (first.empty()) first = out;
        CHECK(same_bits(out, first));
      }
    }
}

TEST_CASE("kernels: bag sums rows of a table, and hands gradients back to each of them") {
  const std::vector<float> table = {1, 2, 10, 20, 100, 200};
  const std::vector<std::int32_t> index = {0, 2, 1, 1};
  std::vector<float> y(4), back(6, 1.0f);
  bag(index.data(), table.data(), y.data(), 2, 2, 2);
  CHECK(y == std::vector<float>{101, 202, 20, 40});
  const std::vector<float> dy = {1, 2, 3, 4};
  bag_backward(index.data(), dy.data(), back.data(), 2, 2, 2);
  CHECK(back == std::vector<float>{2, 3, 7, 9, 2, 3});  // added to what was there
}
