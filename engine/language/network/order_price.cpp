#include "engine/language/network/order_price.hpp"

#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/network/model.hpp"
#include "engine/language/network/weights.hpp"
#include "engine/transformer/price.hpp"

namespace hocket::language {
std::vector<order_price> price_of_order(const language_model& model) {
  const c10::NoGradGuard off;
  const engine::one_thread alone;
  const auto& layer = model.weights().trunk.layer_at(0);
  const auto& w =
      layer.feed.experts.empty() ? layer.feed.dense.up.weight : layer.feed.experts[0].up.weight;
  const std::int64_t in = model.config().trunk.width;
  std::vector<std::int64_t> all(static_cast<std::size_t>(w.out));
  std::iota(all.begin(), all.end(), 0);
  const auto free = engine::ops::packed_rows(w, in, all).to(at::kBFloat16);
  constexpr int times = 15;
  std::vector<order_price> out;
  for (const std::int64_t rows : {1, 4, 16, 64}) {
    const auto x = at::linspace(-1, 1, rows * in, at::kFloat).view({rows, in});
    const auto narrow = x.to(at::kBFloat16);
    const double ours = engine::microseconds(times, [&] { (void)engine::ops::linear(x, w); });
    const double theirs = engine::microseconds(times, [&] { (void)at::linear(narrow, free); });
    out.push_back({rows, ours / theirs, times});
  }
  return out;
}

}  // namespace hocket::language
