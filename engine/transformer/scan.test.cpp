// State spaces: streams give the bits of whole sequences for any cut, go back, are copied, read again after
// rows that were given up; agree with double precision; have the gradients of the formulas.
#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/transformer.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

constexpr std::int64_t width = 24;

at::Tensor draw(at::IntArrayRef shape, double size) {
  return (at::randn(shape, at::kFloat) * size).to(at::kBFloat16).to(at::kFloat);
}
void fill(transformer::linear_weights& w, std::int64_t out, std::int64_t in) {
  w.weight.value = draw({out, in}, 1.2 / std::sqrt(static_cast<double>(in)));
  ops::pack(w.weight);
}

/// A state space, a feed-forward, attention, a state space with a feed-forward: each kind of layer.
transformer_config configure() {
  transformer_config c;
  c.width = width, c.context = 256, c.pages = true;
  state_space_config s{.heads = 6, .head_dim = 5, .state = 9, .groups = 3, .kernel = 4};
  s.least_step = 0.05;
  attention_config a{.heads = 2, .kv_heads = 1, .head_dim = 16, .rotary = -1};
  feed_forward_config f{.activation = activation_kind::relu_squared, .width = 40};
  c.layers.resize(4);
  c.layers[0].mixer = c.layers[3].mixer = mixer_kind::state_space;
  c.layers[1].mixer = mixer_kind::none;
  c.layers[0].state_space = c.layers[3].state_space = s;
  c.layers[3].state_space.taps_bias = false, c.layers[3].state_space.kernel = 2;
  c.layers[1].feed_forward = c.layers[3].feed_forward = f;
  c.layers[2].attention = a;
  return c;
}

transformer make() {
  at::manual_seed(11);
  transformer t(configure());
  for (int i = 0; i < 4; ++i) {
    auto& w = t.layer_at(i);
    const auto& l = t.config().layers[static_cast<std::size_t>(i)];
    w.attention.norm.gain = draw({width}, 0.2) + 1, w.feed.norm.gain = draw({width}, 0.2) + 1;
    if (l.feeds()) fill(w.feed.dense.up, 40, width), fill(w.feed.dense.down, width, 40);
    if (l.mixer == mixer_kind::attention)
      fill(w.attention.qkv, 64, width), fill(w.attention.out, width, 32);
    if (l.mixer != mixer_kind::state_space) continue;
    const auto& s = l.state_space;
    auto& v = w.state_space.vectors;
    fill(w.state_space.in, s.row_width(), width), fill(w.state_space.out, width, s.inner());
    v.taps = draw({s.kernel, s.convolved()}, 0.5);
    if (s.taps_bias) v.taps_bias = draw({s.convolved()}, 0.3);
    v.step_bias = draw({s.heads}, 1) - 1, v.decay = -draw({s.heads}, 1).exp();
    v.skip = draw({s.heads}, 0.3) + 1, v.gain = draw({s.inner()}, 0.2) + 1;
  }
  t.final_norm().gain = draw({width}, 0.2) + 1;
  return t;
}

transformer in_double(const transformer& t) {
  auto config = t.config();
  config.pages = false;
  transformer copy(config);
  for (int i = 0; i < 4; ++i) copy.layer_at(i) = t.layer_at(i);
  copy.final_norm() = t.layer_at(0).attention.norm;
  copy.final_norm().gain = const_cast<transformer&>(t).final_norm().gain;
  parameter_list all;
  copy.list(all);
  for (auto& p : all.all) *p.value = p.value->to(at::kDouble);
  return copy;
}

at::Tensor read(const transformer& t, kv_cache& m, const at::Tensor& rows, std::int64_t first,
                std::int64_t count) {
  const auto y = t.forward(rows.slice(0, first, first + count), {.streams = {{&m, first, count}}});
  m.forget_before(first + count);
  return y;
}

}  // namespace

TEST_CASE("state spaces: the same bits for any cut, batch and number of threads, near to double") {
  c10::NoGradGuard no_grad;
  const auto t = make();
  constexpr std::int64_t sequences = 3, length = 90;
  const auto x = at::randn({sequences * length, width}, at::kFloat);
  const row_map whole_rows{.sequences = sequences, .length = length, .streams = {}};
  const auto whole = t.forward(x, whole_rows);
  const auto precise = in_double(t).forward(x.to(at::kDouble), whole_rows);
  const double error = (whole - precise).abs().max().item<double>();
  MESSAGE("difference from double precision " << error);
  CHECK(error < 1e-4);
  for (const int threads : {1, 2, 3}) {
    work_pool pool(threads);
    const background_work work(nullptr, &pool);
    std::vector<kv_cache> memories(sequences, kv_cache(t.config()));
    std::vector<std::int64_t> at(sequences, 0);
    std::mt19937 random(3);
    for (int step = 0; step < 1000; ++step) {
      row_map rows;
      std::vector<at::Tensor> parts, wanted;
      for (std::int64_t b = 0; b < sequences; ++b) {
        const auto longest = b == 0 ? 6 : 40;
        const auto n = std::min<std::int64_t>(length - at[b], random() % longest);
        if (n == 0) continue;
        rows.streams.push_back({&memories[b], at[b], n});
        const auto from = b * length + at[b];
        parts.push_back(x.slice(0, from, from + n));
        wanted.push_back(whole.slice(0, from, from + n));
        at[b] += n;
      }
      if (parts.empty()) continue;
      CHECK(t.forward(at::cat(parts, 0), rows).equal(at::cat(wanted, 0)));
      for (std::int64_t b = 0; b < sequences; ++b) memories[b].forget_before(at[b]);
      if (step == 4) memories[1] = kv_cache(memories[1]);  // a copy goes on like the original
    }
    for (const auto n : at) CHECK(n == length);
  }
}

TEST_CASE("state spaces: streams go back by what pages reach back, from anywhere, and no further") {
  c10::NoGradGuard no_grad;
  const auto t = make();
  constexpr std::int64_t length = 120;
  const auto x = at::randn({length, width}, at::kFloat);
  const auto wrong = at::randn({length, width}, at::kFloat);
  const auto whole = t.forward(x, {.sequences = 1, .length = length, .streams = {}});
  for (const std::int64_t cut : {1, 7, 16, 33, 90})
    for (std::int64_t end = 40; end < 90; end += 3)
      for (std::int64_t back = 0; back <= paged_layer::slack; ++back) {
        CAPTURE(cut);
        CAPTURE(end);
        CAPTURE(back);
        kv_cache memory(t.config());
        const auto right = end - back;  // what comes after it is other than at first
        for (std::int64_t at = 0, n = 0; at < end; at += n) {
          n = std::min(cut, end - at);
          const auto rows = at::cat({x.slice(0, 0, right), wrong.slice(0, right, end)}, 0);
          read(t, memory, rows, at, n);
        }
        REQUIRE(memory.rewind(right));
        kv_cache copy(memory);
        REQUIRE(copy.rewind(right));
        CHECK(read(t, copy, wrong, right, 20).size(0) == 20);  // which leaves the other alone
        CHECK(read(t, memory, x, right, length - right).equal(whole.slice(0, right, length)));
        if (cut < 16) CHECK(!memory.remembers(right - 40));
      }
}

TEST_CASE("state spaces: rows that were written and given up leave nothing") {
  c10::NoGradGuard no_grad;
  const auto t = make();
  constexpr std::int64_t length = 100;
  const auto x = at::randn({length, width}, at::kFloat);
  const auto wrong = at::randn({length, width}, at::kFloat);
  const auto whole = t.forward(x, {.sequences = 1, .length = length, .streams = {}});
  for (const std::int64_t from : {0, 3, 15, 16, 20, 40})
    for (const std::int64_t count : {1, 2, 9, 16, 30, 60})
      for (const bool shared : {false, true}) {
        CAPTURE(from);
        CAPTURE(count);
        CAPTURE(shared);
        kv_cache memory(t.config());
        if (from > 0) read(t, memory, x, 0, from);
        std::vector<kv_cache> copies;
        if (shared) copies.push_back(memory);
        t.forward(wrong.slice(0, from, from + count), {.streams = {{&memory, from, count}}});
        if (shared)
          CHECK(read(t, copies[0], x, from, count).equal(whole.slice(0, from, from + count)));
        CHECK(read(t, memory, x, from, length - from).equal(whole.slice(0, from, length)));
      }
}

TEST_CASE("state spaces: memory is bounded, copies share it, and a plain stream cannot go back") {
  c10::NoGradGuard no_grad;
  const auto t = make();
  const auto x = at::randn({200, width}, at::kFloat);
  kv_cache at_once(t.config()), by_rows(t.config());
  read(t, at_once, x, 0, 192);
  for (std::int64_t at = 0; at < 192; ++at) read(t, by_rows, x, at, 1);
  CHECK(at_once.bytes() == by_rows.bytes());
  std::vector<const void*> mine, theirs;
  kv_cache copy(by_rows);
  by_rows.visit_pages([&](const void* p, std::size_t) { mine.push_back(p); });
  copy.visit_pages([&](const void* p, std::size_t) { theirs.push_back(p); });
  CHECK(mine == theirs);
  const auto precise = in_double(t);
  const auto rows = x.to(at::kDouble);
  const auto whole = precise.forward(rows, {.sequences = 1, .length = 200, .streams = {}});
  kv_cache memory(precise.config());
  std::vector<at::Tensor> parts;
  for (std::int64_t at = 0, n = 1; at < 200; at += n, n = std::min<std::int64_t>(9, 200 - at))
    parts.push_back(precise.forward(rows.slice(0, at, at + n), {.streams = {{&memory, at, n}}}));
  CHECK((at::cat(parts, 0) - whole).abs().max().item<double>() < 1e-9);
  CHECK(!memory.remembers(199));
}

TEST_CASE("state spaces: exact gradients are those of the formulas") {
  const auto t = make();
  const auto x = at::randn({44, width}, at::kFloat);
  const auto weight = at::randn({44, width}, at::kFloat);
  const row_map rows{.sequences = 2, .length = 22, .streams = {}};
  const auto own = x.clone().requires_grad_(true);
  at::Tensor forward;
  {
    const ops::exact_gradients exact;
    forward = t.forward(own, rows);
  }
  {
    c10::NoGradGuard no_grad;
    CHECK(forward.detach().equal(t.forward(x, rows)));
  }
  const auto got = torch::autograd::grad({(forward * weight).sum()}, {own})[0];
  const auto precise = x.to(at::kDouble).requires_grad_(true);
  const auto want =
      torch::autograd::grad({(in_double(t).forward(precise, rows) * weight).sum()}, {precise})[0];
  const double error = ((got - want).norm() / want.norm()).item<double>();
  MESSAGE("difference of the gradients " << error);
  CHECK(error < 3e-4);
}
