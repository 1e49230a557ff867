#include "engine/language/network/order_price.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "engine/language/network/model.hpp"
#include "engine/language/network/weights.hpp"

namespace hocket::language {
namespace {

double microseconds(const std::function<void()>& of) {
  using clock = std::chrono::steady_clock;
  std::vector<double> took;
  for (int i = 0; i < 15; ++i) {
    const auto began = clock::now();
    of();
    took.push_back(std::chrono::duration<double, std::micro>(clock::now() - began).count());
  }
  std::nth_element(took.begin(), took.begin() + 7, took.end());
  return took[7];
}

/// libtorch on one thread, as our product is here.
struct one_thread {
  one_thread() { at::set_num_threads(1); }
  ~one_thread() { at::set_num_threads(before); }
  one_thread(const one_thread&) = delete;
  one_thread& operator=(const one_thread&) = delete;
  const int before = at::get_num_threads();
};

}  // namespace

std::vector<order_price> price_of_order(const language_model& model) {
  const c10::NoGradGuard off;
  const one_thread alone;
  const auto& layer = model.weights().trunk.layer_at(0);
  const auto& w =
      layer.feed.experts.empty() ? layer.feed.dense.up.weight : layer.feed.experts[0].up.weight;
  const std::int64_t in = model.config().trunk.width;
  std::vector<std::int64_t> all(static_cast<std::size_t>(w.out));
  std::iota(all.begin(), all.end(), 0);
  const auto free = engine::ops::packed_rows(w, in, all).to(at::kBFloat16);
  std::vector<order_price> out;
  for (const std::int64_t rows : {1, 4, 16, 64}) {
    const auto x = at::linspace(-1, 1, rows * in, at::kFloat).view({rows, in});
    const auto narrow = x.to(at::kBFloat16);
    const double ours = microseconds([&] { (void)engine::ops::linear(x, w); });
    const double theirs = microseconds([&] { (void)at::linear(narrow, free); });
    out.push_back({rows, ours / theirs, 15});
  }
  return out;
}

}  // namespace hocket::language
