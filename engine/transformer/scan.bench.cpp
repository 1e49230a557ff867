#include <algorithm>
#include <functional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops.hpp"
#include "engine/transformer/price.hpp"
#include "engine/transformer/scan_bench.hpp"

namespace hocket::engine {
namespace {

constexpr std::int64_t width = 2048, most_rows = 256, chunk = 64;
constexpr kernels::scan_shape shape{.heads = 64,
                                    .head_dim = 64,
                                    .state = 128,
                                    .groups = 1,
                                    .kernel = 4,
                                    .least_step = 0.001f,
                                    .epsilon = 1e-5f};

/// A layer's numbers: rows behind the convolutions, and what its heads have learnt.
struct scanned {
  at::Tensor inputs = at::randn({most_rows, shape.convolved()}, at::kFloat) * 0.5;
  at::Tensor steps = at::randn({most_rows, shape.heads}, at::kFloat);
  at::Tensor step_bias = at::randn({shape.heads}, at::kFloat) - 2;
  at::Tensor decay = -at::rand({shape.heads}, at::kFloat) - 0.1;
  at::Tensor skip = at::ones({shape.heads}, at::kFloat);
  std::vector<const float*> step_rows;

  scanned() {
    for (std::int64_t r = 0; r < most_rows; ++r)
      step_rows.push_back(steps.data_ptr<float>() + r * shape.heads);
  }
  void scan(std::int64_t from, std::int64_t count, float* state, float* y) const {
    const kernels::scan_rows rows{inputs.data_ptr<float>() + from * shape.convolved(),
                                  step_rows.data() + from, count};
    kernels::infer_scan(shape, rows, step_bias.data_ptr<float>(), decay.data_ptr<float>(),
                        skip.data_ptr<float>(), state, y + from * shape.inner(), 0, shape.heads);
  }
};

/// The same as products of chunks of rows: among themselves, with the state before them, and into the next
/// state [heads, state, head_dim].
at::Tensor chunked(const scanned& s, std::int64_t rows) {
  const std::int64_t heads = shape.heads, n = shape.state;
  const auto u = s.inputs.slice(0, 0, rows);
  const auto x = u.slice(1, 0, shape.inner()).view({rows, heads, shape.head_dim});
  const auto write = u.slice(1, shape.inner(), shape.inner() + n);
  const auto read = u.slice(1, shape.inner() + n, shape.inner() + 2 * n);
  const auto step =
      at::softplus(s.steps.slice(0, 0, rows) + s.step_bias).clamp_min(shape.least_step);
  const auto fades = step * s.decay;
  const auto added =
      (step.unsqueeze(2) * x).transpose(0, 1).contiguous();  // [heads, rows, head_dim]
  auto state = at::zeros({heads, n, shape.head_dim}, at::kFloat);
  std::vector<at::Tensor> out;
  for (std::int64_t at = 0; at < rows; at += chunk) {
    const auto end = std::min(rows, at + chunk);
    const auto sum = fades.slice(0, at, end).cumsum(0).t().contiguous();  // [heads, chunk]
    const auto b = write.slice(0, at, end), c = read.slice(0, at, end);
    const auto part = added.slice(1, at, end);
    const auto kept = (sum.unsqueeze(2) - sum.unsqueeze(1)).exp().tril();
    auto y = at::bmm(kept * at::mm(c, b.t()), part);
    y += sum.exp().unsqueeze(2) * at::mm(c, state.transpose(0, 1).reshape({n, -1}))
                                      .view({end - at, heads, -1})
                                      .transpose(0, 1);
    const auto last = sum.slice(1, sum.size(1) - 1);
    const auto weighted =
        (part * (last - sum).exp().unsqueeze(2)).transpose(0, 1).reshape({end - at, -1});
    state = state * last.exp().unsqueeze(2) +
            at::mm(b.t(), weighted).view({n, heads, shape.head_dim}).transpose(0, 1);
    out.push_back(y.transpose(0, 1));
  }
  return (at::cat(out, 0) + s.skip.view({heads, 1}) * x).reshape({rows, shape.inner()});
}

matrix packed(std::int64_t out, std::int64_t in) {
  matrix m;
  m.value = (at::randn({out, in}, at::kFloat) * 0.02).to(at::kBFloat16).to(at::kFloat);
  ops::pack(m, true);
  m.value = at::Tensor();
  return m;
}

}  // namespace

std::vector<scan_price> price_of_scan() {
  const c10::NoGradGuard off;
  const one_thread alone;
  at::manual_seed(1);
  const scanned s;
  const auto in = packed(shape.inner() + shape.convolved() + shape.heads, width);
  const auto out = packed(width, shape.inner());
  const auto state = at::zeros({shape.inner(), shape.state}, at::kFloat);
  auto y = at::zeros({most_rows, shape.inner()}, at::kFloat);
  std::vector<scan_price> prices;
  for (const std::int64_t rows : {1, 16, 64, 256}) {
    const int times = rows > 64 ? 5 : 15;
    auto* const numbers = y.data_ptr<float>();
    auto* const memory = state.data_ptr<float>();
    const auto from_nothing = [&](const std::function<void()>& scan) {
      return microseconds(times, [&] {
        state.zero_();
        scan();
      });
    };
    const double one_by_one = from_nothing([&] {
      for (std::int64_t r = 0; r < rows; ++r) s.scan(r, 1, memory, numbers);
    });
    const double ours = from_nothing([&] { s.scan(0, rows, memory, numbers); });
    at::Tensor theirs;
    const double products = microseconds(times, [&] { theirs = chunked(s, rows); });
    const auto x = at::randn({rows, width}, at::kFloat);
    const auto inner = y.slice(0, 0, rows);
    const double projections = microseconds(times, [&] {
      (void)ops::linear(x, in);
      (void)ops::linear(inner, out);
    });
    prices.push_back({rows, ours / one_by_one, ours / products, ours / projections,
                      (inner - theirs).abs().max().item<double>(), times});
  }
  return prices;
}

}  // namespace hocket::engine
