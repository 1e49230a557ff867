// Gradients of low-rank adapters on every family against double precision.
#include <cmath>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/language/network/weights.hpp"
#include "engine/lora/adapter_files.hpp"
#include "engine/lora/passes.hpp"

#include "engine/lora/lora_fixture.test.hpp"

using namespace hocket;
using namespace hocket::lora;
using namespace hocket::lora::fixture;
using language::language_model;

namespace {

/// What only the Inkling models have: matrices apart, taps, reads of blocks, messages of a loop.
template <class Widen, class Wide>
void widen_inkling(language::network_weights& w, const engine::transformer_config& c,
                   const Widen& widen, const Wide& wide) {
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    auto& layer = w.trunk.layer_at(static_cast<int>(i));
    auto& own = layer.attention.apart;
    for (auto* m :
         {&own.queries, &own.keys, &own.values, &own.gate, &own.key_taps, &own.value_taps})
      widen(m->weight, c.width);
    for (auto* n : {&own.key_norm, &own.value_norm}) wide(n->gain);
    for (auto* t : {&own.query_scale, &own.mix_scale, &own.key_kernel, &own.value_kernel,
                    &layer.attention.kernel, &layer.attention.asks, &layer.attention.vectors.bank,
                    &layer.feed.kernel, &layer.feed.asks, &layer.feed.scale, &layer.asks})
      wide(*t);
    for (auto& m : layer.messages) {
      widen(m.down.weight, 2 * c.width);
      widen(m.forget.weight, c.loop.gate_rank), widen(m.take.weight, c.loop.gate_rank);
    }
  }
  wide(w.trunk.final_asks()), wide(w.table_gain);
}

/// The network in double precision: every matrix unpacked.
language::network_weights widened(const language_model& model) {
  auto w = model.weights();
  const auto widen = [](engine::matrix& m, std::int64_t in) {
    if (m.packed.defined()) m.value = engine::ops::unpack(m, in).to(at::kDouble);
  };
  const auto wide = [](at::Tensor& t) {
    if (t.defined()) t = t.to(at::kDouble);
  };
  const auto& c = model.config().trunk;
  widen_inkling(w, c, widen, wide);
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    auto& attention = w.trunk.layer_at(static_cast<int>(i)).attention;
    auto& feed = w.trunk.layer_at(static_cast<int>(i)).feed;
    auto& space = w.trunk.layer_at(static_cast<int>(i)).state_space;
    const auto& a = c.layers[i].attention;
    auto& l = attention.latent;
    widen(attention.qkv.weight, c.width), widen(attention.out.weight, a.out_width());
    widen(l.query_down.weight, c.width), widen(l.down.weight, c.width);
    widen(l.query_up.weight, a.latent.query_rank > 0 ? a.latent.query_rank : c.width);
    widen(l.up.weight, a.latent.rank);
    const std::int64_t width = c.layers[i].feed_forward.width;
    widen(feed.router.weight, c.width);
    const auto& e = c.layers[i].feed_forward.experts;
    const auto shared = e.shared_width > 0 ? e.shared_width : width * std::max(1, e.shared);
    widen(feed.dense.up.weight, c.width), widen(feed.dense.down.weight, shared);
    widen(space.in.weight, c.width), widen(space.out.weight, c.layers[i].state_space.inner());
    for (auto& one : feed.experts) widen(one.up.weight, c.width), widen(one.down.weight, width);
    for (auto* m : {&attention.qkv, &attention.out, &feed.router, &feed.dense.up, &feed.dense.down})
      wide(m->bias);
    for (auto& one : feed.experts) wide(one.up.bias), wide(one.down.bias);
    for (auto* n : {&attention.norm, &attention.branch_norm, &feed.norm, &feed.branch_norm,
                    &l.query_norm, &l.norm})
      wide(n->gain), wide(n->shift);
    auto& v = attention.vectors;
    wide(v.q_gain), wide(v.k_gain), wide(v.bias), wide(v.sinks), wide(feed.correction);
  }
  wide(w.trunk.final_norm().gain), wide(w.trunk.final_norm().shift), wide(w.table);
  widen(w.head, c.width);
  if (!w.table.defined()) w.table = w.head.value;
  return w;
}

/// Gradients by autograd over the plain path, of the negative sum of the targets' log probabilities.
void differentiate_in_double(const language_model& model, adapter_weights& adapter,
                             const std::vector<training_datum>& data) {
  const auto w = widened(model);
  for (auto& e : adapter.entries)
    for (auto* m : {&e.part->down, &e.part->up})
      m->value = m->value.detach().to(at::kDouble).requires_grad_(true);
  for (const auto& d : data) {
    const auto n = static_cast<std::int64_t>(d.tokens.size());
    std::vector<std::int64_t> ids(d.tokens.begin(), d.tokens.end()), targets;
    for (const double t : d.inputs.at("target_tokens").values)
      targets.push_back(static_cast<std::int64_t>(t));
    engine::row_map rows{.sequences = 1, .length = n, .streams = {}};
    rows.adapters = {{0, n, adapter.adapter.get()}};
    const auto& c = model.config();
    auto x = at::embedding(w.table, at::tensor(ids, at::kLong)) * c.embedding_scale;
    if (c.embedding_norm) x = engine::ops::rms_norm(x, w.table_gain, c.trunk.norm_epsilon);
    auto scores =
        engine::ops::linear(w.trunk.forward(x, rows), w.head, rows.adapters) * c.logit_scale;
    const double cap = model.config().logit_softcap;
    if (cap > 0) scores = at::tanh(scores / cap) * cap;
    const auto lp =
        at::log_softmax(scores, 1).gather(1, at::tensor(targets, at::kLong).view({n, 1}));
    torch::autograd::backward({-lp.sum()}, {});
  }
}

/// Of layers in bfloat16 on models of a few numbers a row, where rounding evens out little. A row that lies
/// between two experts may take the other one.
double rounded_bound(const language_model& model) {
  for (const auto& layer : model.config().trunk.layers)
    if (layer.feed_forward.experts.count > 0) return 0.2;
  return 0.05;
}

/// How far gradients of all adapter tensors are from double precision's, over the norm of these.
double gradient_error(const shared_model& model) {
  const auto files = moved_trainer(model)->files();
  auto exact = read_adapter(*model, files), reference = read_adapter(*model, files);
  REQUIRE(exact);
  REQUIRE(reference);
  for (auto& e : exact->entries)
    e.part->down.value.set_requires_grad(true), e.part->up.value.set_requires_grad(true);
  const auto data = data_of({14, 6, 23}, 11);
  adapted_data own{exact->adapter.get(), {}};
  for (const auto& d : data) own.data.push_back(&d);
  differentiate(*model, {&own, 1}, [](std::size_t, std::span<const double> lp) {
    return std::vector<double>(lp.size(), -1.0);
  });
  differentiate_in_double(*model, *reference, data);
  double error = 0, size = 0;
  REQUIRE(exact->entries.size() > 4);
  for (std::size_t i = 0; i < exact->entries.size(); ++i)
    for (const auto part : {&engine::low_rank::down, &engine::low_rank::up}) {
      const auto a = (exact->entries[i].part->*part).value.grad();
      const auto b = (reference->entries[i].part->*part).value.grad();
      if (!b.defined()) continue;  // an expert that no row took
      REQUIRE(a.defined());
      error += (a.to(at::kDouble) - b).square().sum().item<double>();
      size += b.square().sum().item<double>();
    }
  CHECK(size > 0);
  return std::sqrt(error / size);
}

}  // namespace

TEST_CASE("gradients are those of double precision, every family") {
  for (const auto& [family, blocks] : every_kind()) {
    const bool half = blocks == language::block_types::bfloat16;
    const auto name = "lora.gradient_error." + family + (half ? ".bfloat16" : "");
    CAPTURE(name);
    const auto model = load(family, blocks);
    const double error = gradient_error(model);
    MESSAGE(name << " " << error);
    CHECK(error < (half ? rounded_bound(*model) : 1e-4));
  }
}

TEST_CASE("gradients are those of double precision where neighbours of a head turn together") {
  for (const auto blocks : {language::block_types::kept, language::block_types::bfloat16}) {
    const bool half = blocks == language::block_types::bfloat16;
    const double error = gradient_error(load("llama", blocks, true));
    MESSAGE("neighbours " << error);
    CHECK(error < (half ? 0.05 : 1e-4));
  }
}
