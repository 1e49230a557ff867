// What Inkling adds to a layer: streaming gives the bits of whole sequences from rings and from pages, for
// any chunks and any batch, agrees with double precision, and has the gradients of the formulas.
#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

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

/// Four layers: windows and all positions in turns, experts, and with `second` blocks and a loop.
transformer_config configure(bool second, bool pages) {
  transformer_config c;
  c.width = width, c.context = 64, c.pages = pages;
  for (int i = 0; i < 4; ++i) {
    layer_config l;
    auto& a = l.attention;
    a.heads = 4, a.kv_heads = 2, a.head_dim = 16, a.rotary = -1, a.apart = true;
    a.window = i % 2 == 0 ? 7 : 0, a.relative_rank = 3, a.relative_extent = 9;
    if (i % 2 == 1) a.lengths = {5, 0.3};
    l.convolution = {
        .kernel = 4, .dynamic = second && i % 2 == 1, .scale = 0.5, .dynamic_scale = 0.4};
    l.feed_forward.width = 16;
    l.feed_forward.experts = {.count = 4, .chosen = 2, .router = router_kind::sigmoid};
    if (second) {
      a.clip = 3, a.relative_clip = 1, a.gated = a.row_sinks = true;
      l.feed_forward.activation = activation_kind::capped_gated;
    } else {
      a.qk_norm = true, l.feed_forward.scaled = true;
      l.feed_forward.experts.shared = 2, l.feed_forward.experts.shared_scored = true;
    }
    c.layers.push_back(l);
  }
  if (second) c.depth.layers = 2, c.loop = {.begin = 2, .end = 4, .passes = 3, .gate_rank = 5};
  return c;
}

void fill_attention(const layer_config& l, int i, bool second, transformer::attention_weights& w) {
  const auto& a = l.attention;
  const std::int64_t keys = a.key_width(), values = a.value_width(), kernel = l.convolution.kernel;
  auto& own = w.apart;
  fill(own.queries, a.qkv_width() - keys - values, width);
  fill(own.keys, keys, width), fill(own.values, values, width), fill(w.out, width, a.out_width());
  own.key_kernel = draw({kernel, keys}, 0.5), own.value_kernel = draw({kernel, values}, 0.5);
  w.kernel = draw({kernel, width}, 0.5);
  w.norm.gain = draw({width}, 0.2) + 1;
  w.vectors.bank = draw({a.relative_rank, a.relative_extent}, 0.5);
  if (a.qk_norm) w.vectors.q_gain = draw({16}, 0.2) + 1, w.vectors.k_gain = draw({16}, 0.2) + 1;
  if (!second) return;
  own.query_scale = draw({64}, 0.2) + 1, own.mix_scale = draw({12}, 0.2) + 1;
  fill(own.gate, a.out_width(), width);
  if (l.convolution.dynamic) {
    fill(own.key_taps, a.kv_heads * kernel, width),
        fill(own.value_taps, a.kv_heads * kernel, width);
    own.key_norm.gain = draw({width}, 0.2) + 1, own.value_norm.gain = draw({width}, 0.2) + 1;
  }
  if (i > 0) w.asks = draw({l.convolution.dynamic ? 3 : 1, width}, 0.3);
}

transformer make(bool second, bool pages) {
  at::manual_seed(11);
  transformer t(configure(second, pages));
  for (int i = 0; i < 4; ++i) {
    auto& w = t.layer_at(i);
    const auto& l = t.config().layers[static_cast<std::size_t>(i)];
    const auto& e = l.feed_forward.experts;
    fill_attention(l, i, second, w.attention);
    w.feed.norm.gain = draw({width}, 0.2) + 1, w.feed.kernel = draw({4, width}, 0.5);
    fill(w.feed.router, e.count + (second ? 0 : e.shared), width);
    w.feed.correction = draw({e.count}, 0.1);
    w.feed.experts.resize(static_cast<std::size_t>(e.count));
    for (auto& expert : w.feed.experts) fill(expert.up, 32, width), fill(expert.down, width, 16);
    if (!second) {
      fill(w.feed.dense.up, 64, width), fill(w.feed.dense.down, width, 32);
      w.feed.scale = draw({1}, 0.2) + 1;
      continue;
    }
    w.feed.asks = draw({1, width}, 0.3);
    if (i < 2) continue;
    w.asks = draw({4, width}, 0.3);
    w.messages.resize(4);
    for (auto& m : w.messages)
      fill(m.down, 5, 2 * width), fill(m.forget, width, 5), fill(m.take, width, 5);
  }
  t.final_norm().gain = draw({width}, 0.2) + 1;
  if (second) t.final_asks() = draw({1, width}, 0.3);
  return t;
}

/// The same in double precision.
transformer in_double(const transformer& t) {
  auto copy = t;
  parameter_list all;
  copy.list(all);
  for (auto& p : all.all) *p.value = p.value->to(at::kDouble);
  return copy;
}

}  // namespace

TEST_CASE(
    "convolutions, mixes, blocks and loops: the same bits from rings and pages, near to double") {
  c10::NoGradGuard no_grad;
  for (const bool second : {false, true})
    for (const bool pages : {false, true}) {
      CAPTURE(second);
      CAPTURE(pages);
      const auto t = make(second, pages);
      constexpr std::int64_t sequences = 3, length = 40;
      const auto x = at::randn({sequences * length, width}, at::kFloat);
      const row_map whole_rows{.sequences = sequences, .length = length, .streams = {}};
      const auto whole = t.forward(x, whole_rows);
      const auto precise = in_double(t).forward(x.to(at::kDouble), whole_rows);
      CHECK((whole - precise).abs().max().item<double>() < 1e-3);
      std::vector<kv_cache> memories(sequences, kv_cache(t.config()));
      std::vector<std::int64_t> at(sequences, 0);
      std::mt19937 random(3);
      for (int step = 0; step < 1000; ++step) {
        row_map rows;
        std::vector<at::Tensor> parts, wanted;
        for (std::int64_t b = 0; b < sequences; ++b) {
          const auto n = std::min<std::int64_t>(length - at[b], random() % 6);
          if (n == 0) continue;
          rows.streams.push_back({&memories[b], at[b], n});
          const auto from = b * length + at[b];
          parts.push_back(x.slice(0, from, from + n));
          wanted.push_back(whole.slice(0, from, from + n));
          at[b] += n;
        }
        if (parts.empty()) continue;
        CHECK(t.forward(at::cat(parts, 0), rows).equal(at::cat(wanted, 0)));
        if (step == 4) memories[1] = kv_cache(memories[1]);  // a copy goes on like the original
      }
      for (const auto n : at) CHECK(n == length);
    }
}

TEST_CASE("convolutions, mixes, blocks and loops: a plain stream is its whole sequence, too") {
  c10::NoGradGuard no_grad;
  for (const bool second : {false, true}) {
    const auto t = in_double(make(second, false));
    const auto x = at::randn({20, width}, at::kDouble);
    const auto whole = t.forward(x, {.sequences = 1, .length = 20, .streams = {}});
    kv_cache memory(t.config());
    std::vector<at::Tensor> parts;
    for (std::int64_t at = 0, n = 1; at < 20; at += n, n = std::min<std::int64_t>(3, 20 - at))
      parts.push_back(t.forward(x.slice(0, at, at + n), {.streams = {{&memory, at, n}}}));
    CHECK((at::cat(parts, 0) - whole).abs().max().item<double>() < 1e-9);
  }
}

TEST_CASE(
    "convolutions, mixes, blocks and loops: rows that were written and given up leave nothing") {
  c10::NoGradGuard no_grad;
  constexpr std::int64_t length = 60;
  for (const bool second : {false, true}) {
    const auto t = make(second, true);
    const auto x = at::randn({length, width}, at::kFloat);
    const auto wrong = at::randn({length, width}, at::kFloat);
    const auto whole = t.forward(x, {.sequences = 1, .length = length, .streams = {}});
    // Parts within a page of 16 positions, up to its end, over one and over two of them.
    for (const std::int64_t from : {3, 15, 16, 20})
      for (const std::int64_t count : {1, 2, 9, 12, 16, 30})
        for (const bool shared : {false, true}) {
          CAPTURE(second);
          CAPTURE(from);
          CAPTURE(count);
          CAPTURE(shared);
          kv_cache memory(t.config());
          const auto go = [&](kv_cache& m, const at::Tensor& rows, std::int64_t at,
                              std::int64_t n) {
            return t.forward(rows.slice(0, at, at + n), {.streams = {{&m, at, n}}});
          };
          go(memory, x, 0, from);
          memory.forget_before(from);
          std::vector<kv_cache> copies;
          if (shared) copies.push_back(memory);
          const auto given_up = go(memory, wrong, from, count);  // and nobody moves on
          CHECK(!given_up.equal(whole.slice(0, from, from + count)));
          if (shared)
            CHECK(go(copies[0], x, from, count).equal(whole.slice(0, from, from + count)));
          CHECK(go(memory, x, from, length - from).equal(whole.slice(0, from, length)));
        }
  }
}

TEST_CASE("convolutions, mixes, blocks and loops: what a long part leaves is let go at once") {
  c10::NoGradGuard no_grad;
  const auto t = make(true, true);
  const auto x = at::randn({64, width}, at::kFloat);
  kv_cache at_once(t.config()), by_rows(t.config());
  t.forward(x, {.streams = {{&at_once, 0, 64}}});
  at_once.forget_before(64);
  for (std::int64_t at = 0; at < 64; ++at) {
    t.forward(x.slice(0, at, at + 1), {.streams = {{&by_rows, at, 1}}});
    by_rows.forget_before(at + 1);
  }
  CHECK(at_once.bytes() == by_rows.bytes());
}

TEST_CASE("convolutions, mixes, blocks and loops: the plain path says that it cannot go back") {
  c10::NoGradGuard no_grad;
  const auto t = in_double(make(true, true));
  kv_cache memory(t.config());
  t.forward(at::randn({20, width}, at::kDouble), {.streams = {{&memory, 0, 20}}});
  CHECK(!memory.remembers(19));
  CHECK(!memory.rewind(19));
}

TEST_CASE("convolutions, mixes, blocks and loops: exact gradients are those of the formulas") {
  for (const bool second : {false, true}) {
    CAPTURE(second);
    const auto t = make(second, false);
    const auto x = at::randn({12, width}, at::kFloat);
    const auto weight = at::randn({12, width}, at::kFloat);
    const row_map rows{.sequences = 2, .length = 6, .streams = {}};
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
    CHECK(error < 3e-4);  // 8e-5 with blocks and a loop
  }
}

TEST_CASE("experts: rows read the weights of those that they take, and no other's") {
  c10::NoGradGuard no_grad;
  // Products with it are no numbers, whatever they are weighed with.
  const auto spoil = [](transformer::linear_weights& w, std::int64_t out, std::int64_t in) {
    matrix spoilt;
    spoilt.value = at::full({out, in}, std::nan(""), at::kFloat);
    ops::pack(spoilt);
    spoilt.id = w.weight.id;
    w.weight = spoilt;
  };
  for (const bool second : {false, true}) {
    CAPTURE(second);
    const auto t = make(second, true);
    for (const std::int64_t rows : {1, 3}) {  // a token; a few of a micro-turn
      const auto x = at::randn({rows, width}, at::kFloat);
      const auto read = [&](const transformer& with) {
        kv_cache memory(with.config());
        return with.forward(x, {.streams = {{&memory, 0, rows}}});
      };
      const auto want = read(t);
      for (const int layer : {0, 1}) {
        int taken = 0;
        for (std::size_t e = 0; e < 4; ++e) {
          auto copy = t;
          auto& expert = copy.layer_at(layer).feed.experts[e];
          spoil(expert.up, 32, width), spoil(expert.down, width, 16);
          const auto got = read(copy);
          if (got.equal(want)) continue;
          CHECK(got.isnan().any().item<bool>());
          ++taken;
        }
        MESSAGE("experts read by " << rows << " rows: " << taken << " of 4");
        CHECK(taken >= 2);
        if (rows == 1) CHECK(taken == 2);
      }
    }
  }
}
