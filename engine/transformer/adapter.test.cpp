// Adapters by row: what they add, whom they leave alone, and that a row's bits are its own.
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/transformer.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

transformer_config small() {
  transformer_config c;
  c.width = 48;
  c.rotary.resize(1);
  c.rotary[0].frequency = rotary_frequencies(1e4, 16);
  for (int i = 0; i < 2; ++i)
    c.layers.push_back({.attention = {.heads = 3, .kv_heads = 3, .head_dim = 16, .window = 9},
                        .feed_forward = {.width = 80}});
  return c;
}

struct made {
  transformer net;
  parameter_list weights;
};

made make() {
  made m{transformer(small()), {}};
  m.net.initialise(at::detail::createCPUGenerator(3));
  m.net.list(m.weights);
  at::manual_seed(4);
  for (auto& p : m.weights.all)
    if (p.weight) p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(1)));
  return m;
}

void prepare(low_rank& part, bool training) {
  if (training)
    ops::refresh_half(part.down), ops::refresh_half(part.up);
  else
    ops::pack(part);
}

/// A part for every linear layer of the list.
adapter adapt(const parameter_list& weights, std::uint64_t seed, std::int64_t rank, bool training) {
  auto generator = at::detail::createCPUGenerator(seed);
  adapter a;
  for (const auto& p : weights.all) {
    if (!p.weight) continue;
    low_rank part;
    part.down.value = at::randn({rank, p.value->size(1)}, generator) / std::sqrt(p.value->size(1));
    part.up.value = at::randn({p.value->size(0), rank}, generator) / std::sqrt(rank);
    part.scale = 0.5;
    prepare(part, training);
    a.parts[p.weight->id] = {part};
  }
  return a;
}

}  // namespace

TEST_CASE("an adapted row is that of merged weights, and the others keep their bits") {
  c10::NoGradGuard no_grad;
  auto m = make();
  for (auto& p : m.weights.all)
    if (p.weight) ops::pack(*p.weight);
  const auto one = adapt(m.weights, 7, 4, false), two = adapt(m.weights, 8, 2, false);
  const std::int64_t length = 11;
  const auto x = at::randn({3 * length, 48}, at::detail::createCPUGenerator(5));
  const row_map plain{.sequences = 3, .length = length, .streams = {}};
  auto mixed = plain;
  mixed.adapters = {{0, length, &one}, {2 * length, 3 * length, &two}};
  const auto base = m.net.forward(x, plain), adapted = m.net.forward(x, mixed);
  const auto of = [&](const at::Tensor& t, std::int64_t i) {
    return t.slice(0, i * length, (i + 1) * length);
  };
  CHECK(of(adapted, 1).equal(of(base, 1)));
  CHECK(!of(adapted, 0).equal(of(base, 0)));

  // Alone, and streamed in two parts: the same bits.
  row_map alone{.sequences = 1, .length = length, .streams = {}};
  alone.adapters = {{0, length, &two}};
  CHECK(m.net.forward(of(x, 2), alone).equal(of(adapted, 2)));
  kv_cache memory(m.net.config());
  std::vector<at::Tensor> parts;
  for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 4}, {4, 7}}) {
    row_map rows;
    rows.streams = {{&memory, first, count}};
    rows.adapters = {{0, count, &two}};
    parts.push_back(m.net.forward(of(x, 2).slice(0, first, first + count), rows));
  }
  CHECK(at::cat(parts, 0).equal(of(adapted, 2)));

  // In double precision with the product added to the weights.
  for (auto& p : m.weights.all) {
    auto value = p.value->to(at::kDouble);
    if (p.weight) {
      const auto& part = one.parts.at(p.weight->id).at(0);
      value += at::mm(part.up.value.to(at::kDouble), part.down.value.to(at::kDouble)) * part.scale;
    }
    *p.value = value;
  }
  const auto merged =
      m.net.forward(of(x, 0).to(at::kDouble), {.sequences = 1, .length = length, .streams = {}});
  CHECK((of(adapted, 0).to(at::kDouble) - merged).abs().max().item<double>() < 1e-4);
}

TEST_CASE("gradients of parts are those of double precision, of rows that lie apart, too") {
  auto generator = at::detail::createCPUGenerator(11);
  const std::int64_t in = 40, out = 70, rank = 5, rows = 9;
  matrix w;
  w.id = 0;
  w.value = at::randn({out, in}, generator);
  ops::pack(w);
  const auto whole = w.value;
  w.value = at::Tensor();
  low_rank part;
  part.down.value = at::randn({rank, in}, generator);
  part.up.value = at::randn({out - 6, rank}, generator);
  part.first = 6;
  part.scale = 0.5;
  {
    c10::NoGradGuard off;
    ops::pack(part);
  }
  part.down.value.set_requires_grad(true), part.up.value.set_requires_grad(true);
  adapter one;
  one.parts[0] = {part};
  // Every third row of a wider tensor.
  const auto wide = at::randn({3 * rows, in}, generator).set_requires_grad(true);
  const auto x = wide.view({rows, 3, in}).slice(1, 1, 2).reshape({rows, in});
  REQUIRE(!x.is_contiguous());
  const std::vector<adapter_rows> taken{{2, rows, &one}};
  const auto g = at::randn({rows, out}, generator);
  at::AutoGradMode on(true);
  {
    const ops::exact_gradients exact;
    torch::autograd::backward({ops::linear(x, w, taken)}, {g});
  }
  const auto d = [](const at::Tensor& t) { return t.detach().to(at::kDouble); };
  const auto by_x = d(g).mm(d(whole));
  const auto by_y = d(g).slice(0, 2).slice(1, 6);
  const auto own = d(x).slice(0, 2), by_h = by_y.mm(d(part.up.value)) * 0.5;
  by_x.slice(0, 2).add_(by_h.mm(d(part.down.value)));
  const auto near = [&](const at::Tensor& is, const at::Tensor& wanted) {
    return (d(is) - wanted).abs().max().item<double>() < 1e-4 * wanted.abs().max().item<double>();
  };
  CHECK(near(part.down.value.grad(), by_h.t().mm(own)));
  CHECK(near(part.up.value.grad(), by_y.t().mm(own.mm(d(part.down.value).t()) * 0.5)));
  CHECK(near(wide.grad().view({rows, 3, in}).select(1, 1), by_x));
}

TEST_CASE("helpers share the parts of a wide layer, and the bits are those of one thread") {
  c10::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(9);
  matrix w;
  w.id = 0;
  w.value = at::randn({1600, 512}, generator);
  ops::pack(w);
  const auto part = [&](std::int64_t rank, std::int64_t columns, std::int64_t first) {
    low_rank p;
    p.down.value = at::randn({rank, 512}, generator);
    p.up.value = at::randn({columns, rank}, generator);
    p.first = first;
    ops::pack(p);
    return p;
  };
  adapter one, two;
  one.parts[0] = {part(8, 700, 0), part(20, 800, 750)};
  two.parts[0] = {part(40, 1600, 0)};
  const auto x = at::randn({70, 512}, generator);
  const std::vector<adapter_rows> rows{{0, 40, &one}, {50, 70, &two}};
  const auto wanted = ops::linear(x, w, rows);
  work_pool helpers(3);
  const background_work shared(nullptr, &helpers);
  CHECK(ops::linear(x, w, rows).equal(wanted));
  CHECK(wanted.slice(0, 40, 50).equal(ops::linear(x.slice(0, 40, 50), w)));
  CHECK(wanted.slice(0, 0, 40)
            .slice(1, 700, 750)
            .equal(ops::linear(x.slice(0, 0, 40), w).slice(1, 700, 750)));
}

TEST_CASE("gradients reach an adapter through the rows that take it") {
  auto m = make();
  for (auto& p : m.weights.all)
    if (p.weight) ops::refresh_half(*p.weight);
  auto trained = adapt(m.weights, 7, 4, true);
  for (auto& [id, parts] : trained.parts)
    for (auto& part : parts)
      part.down.value.set_requires_grad(true), part.up.value.set_requires_grad(true);
  const std::int64_t length = 16;
  const auto x = at::randn({2 * length, 48}, at::detail::createCPUGenerator(5));
  row_map rows{.sequences = 2, .length = length, .streams = {}};
  const auto loss = [&](std::int64_t begin, std::int64_t end) {
    rows.adapters = {{begin, end, &trained}};
    return m.net.forward(x, rows).slice(0, length).square().sum().to(at::kFloat);
  };
  loss(length, 2 * length).backward();  // the second sequence takes it, and is looked at
  double sum = 0;
  for (auto& [id, parts] : trained.parts) {
    auto& part = parts.at(0);
    REQUIRE(part.up.value.grad().defined());
    sum += part.up.value.grad().abs().sum().item<double>();
    part.up.value.mutable_grad().zero_(), part.down.value.mutable_grad().zero_();
  }
  CHECK(sum > 0);
  loss(0, length).backward();  // the first takes it, the second is looked at
  for (auto& [id, parts] : trained.parts)
    CHECK(parts.at(0).up.value.grad().abs().sum().item<double>() == 0);
}
