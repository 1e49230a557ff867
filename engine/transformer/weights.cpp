// The transformer's weights: their places in adapters, fresh values and names.
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "engine/transformer/transformer.hpp"
#include "engine/transformer/weight_memory.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {

transformer::transformer(transformer_config config)
    : config_(std::move(config)), layers_(config_.layers.size()) {
  int id = 0;
  for (auto& layer : layers_) {
    auto& attention = layer.attention;
    auto& feed = layer.feed;
    auto& l = attention.latent;
    for (auto* w : {&attention.qkv, &l.query_down, &l.query_up, &l.down, &l.up, &attention.out,
                    &feed.dense.up, &feed.dense.down})
      w->weight.id = id++;
  }
  // What only some families have comes after, so that the others' numbers stay.
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    auto& w = layers_[i].attention.apart;
    if (config_.layers[i].attention.apart)
      for (auto* m : {&w.queries, &w.keys, &w.values, &w.gate}) m->weight.id = id++;
    auto& space = layers_[i].state_space;
    if (config_.layers[i].mixer == mixer_kind::state_space)
      for (auto* m : {&space.in, &space.out}) m->weight.id = id++;
  }
  matrices_ = id;
}

namespace {

/// Draws weights of a linear layer [out, in] as `initialise` wants them, or makes zeros.
struct fresh_weights {
  const at::Generator& generator;
  at::Tensor linear(std::int64_t out, std::int64_t in) const {
    return at::randn({out, in}, generator, at::kFloat) * (1.0 / std::sqrt(static_cast<double>(in)));
  }
  static at::Tensor zero(at::IntArrayRef shape) { return at::zeros(shape, at::kFloat); }
  static at::Tensor ones(std::int64_t n) { return at::ones({n}, at::kFloat); }
};

void draw_dense(const fresh_weights& fresh, std::int64_t width, std::int64_t d,
                transformer::dense_weights& w) {
  w.up.weight.value = fresh.linear(2 * width, d);
  w.down.weight.value = fresh.zero({d, width});
}

/// A published layer's attention: convolutions that add nothing, bias that is none, reads of all blocks alike.
void draw_apart(const fresh_weights& fresh, const transformer_config& config, int i,
                transformer::attention_weights& w) {
  const auto& c = config.layers[static_cast<std::size_t>(i)];
  const std::int64_t d = config.width;
  const bool reads = config.depth.layers > 0;
  const auto& a = c.attention;
  const std::int64_t kernel = c.convolution.kernel, keys = a.key_width(), values = a.value_width();
  auto& own = w.apart;
  w.norm.gain = fresh.ones(d);
  own.queries.weight.value = fresh.linear(a.qkv_width() - keys - values, d);
  own.keys.weight.value = fresh.linear(keys, d);
  own.values.weight.value = fresh.linear(values, d);
  w.out.weight.value = fresh.zero({d, a.out_width()});
  own.key_kernel = fresh.zero({kernel, keys}), own.value_kernel = fresh.zero({kernel, values});
  w.kernel = fresh.zero({kernel, d});
  w.vectors.bank = fresh.zero({a.relative_rank, a.relative_extent});
  if (a.qk_norm)
    w.vectors.q_gain = fresh.ones(a.head_dim), w.vectors.k_gain = fresh.ones(a.head_dim);
  if (a.clip > 0) own.query_scale = fresh.ones(std::int64_t{a.heads} * a.head_dim);
  if (a.relative_clip > 0) own.mix_scale = fresh.ones(std::int64_t{a.heads} * a.relative_rank);
  if (a.gated) own.gate.weight.value = fresh.linear(a.out_width(), d);
  if (reads && i > 0) w.asks = fresh.zero({c.convolution.dynamic ? 3 : 1, d});
  if (!c.convolution.dynamic) return;
  for (auto* taps : {&own.key_taps, &own.value_taps})
    taps->weight.value = fresh.zero({a.kv_heads * kernel, d});
  if (reads) own.key_norm.gain = fresh.ones(d), own.value_norm.gain = fresh.ones(d);
}

void draw_published_feed(const fresh_weights& fresh, const transformer_config& config,
                         const layer_config& c, transformer::feed_forward_weights& w) {
  const std::int64_t d = config.width;
  const auto& f = c.feed_forward;
  const auto& e = f.experts;
  w.norm.gain = fresh.ones(d);
  w.kernel = fresh.zero({c.convolution.kernel, d});
  if (f.scaled) w.scale = fresh.ones(1);
  if (config.depth.layers > 0) w.asks = fresh.zero({1, d});
  if (e.count == 0) return draw_dense(fresh, f.width, d, w.dense);
  w.router.weight.value = fresh.linear(e.count + (e.shared_scored ? e.shared : 0), d);
  w.correction = fresh.zero({e.count});
  w.experts.resize(static_cast<std::size_t>(e.count));
  for (auto& one : w.experts) draw_dense(fresh, f.width, d, one);
  if (e.shared > 0) draw_dense(fresh, std::int64_t{e.shared} * f.width, d, w.dense);
}

void draw_messages(const fresh_weights& fresh, std::int64_t d, std::int64_t rank,
                   transformer::layer& w) {
  w.asks = fresh.zero({4, d});
  w.messages.resize(4);
  for (auto& m : w.messages) {
    m.down.weight.value = fresh.linear(rank, 2 * d);
    m.forget.weight.value = fresh.zero({d, rank}), m.take.weight.value = fresh.zero({d, rank});
  }
}

}  // namespace

void transformer::initialise(const at::Generator& generator) {
  const std::int64_t d = config_.width;
  HOCKET_ASSERT(config_.norm == norm_kind::rms && !config_.branch_norms);
  const fresh_weights fresh{generator};
  if (config_.depth.layers > 0) final_asks_ = fresh.zero({1, d});
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto& a = config_.layers[i].attention;
    const auto& f = config_.layers[i].feed_forward;
    HOCKET_ASSERT(a.latent.rank == 0 && !a.bias && !a.out_bias && !a.sinks && !f.bias);
    HOCKET_ASSERT(config_.layers[i].mixer == mixer_kind::attention && config_.layers[i].feeds());
    if (a.apart) {
      const int layer = static_cast<int>(i);
      draw_apart(fresh, config_, layer, layers_[i].attention);
      draw_published_feed(fresh, config_, config_.layers[i], layers_[i].feed);
      const auto& loop = config_.loop;
      if (loop.passes > 1 && layer >= loop.begin && layer < loop.end)
        draw_messages(fresh, d, loop.gate_rank, layers_[i]);
      continue;
    }
    HOCKET_ASSERT(f.experts.count == 0 && !f.scaled && config_.layers[i].convolution.kernel == 0);
    auto& attention = layers_[i].attention;
    auto& feed = layers_[i].feed;
    attention.norm.gain = fresh.ones(d);
    attention.qkv.weight.value = fresh.linear(a.qkv_width(), d);
    if (a.qk_norm) {
      attention.vectors.q_gain = fresh.ones(a.head_dim);
      attention.vectors.k_gain = fresh.ones(a.head_dim);
    }
    if (a.relative_extent > 0) attention.vectors.bias = fresh.zero({a.heads, a.relative_extent});
    attention.out.weight.value = fresh.zero({d, a.out_width()});
    feed.norm.gain = fresh.ones(d);
    feed.dense.up.weight.value = fresh.linear((is_gated(f.activation) ? 2 : 1) * f.width, d);
    feed.dense.down.weight.value = fresh.zero({d, f.width});
  }
  final_norm_.gain = fresh.ones(d);
}

namespace {

using kind = parameter_kind;

void list_norm(parameter_list& p, const std::string& name, transformer::norm_weights& w) {
  p.tensor(name, w.gain, kind::vector);
  p.tensor(name + ".shift", w.shift, kind::vector);
}
void list_linear(parameter_list& p, const std::string& name, transformer::linear_weights& w,
                 std::int64_t pieces = 1) {
  p.linear(name, w.weight, kind::hidden, pieces);
  p.tensor(name + ".bias", w.bias, kind::vector);
}
void list_dense(parameter_list& p, const std::string& name, transformer::dense_weights& w,
                activation_kind activation) {
  list_linear(p, name + "up", w.up, is_gated(activation) ? 2 : 1);
  list_linear(p, name + "down", w.down);
}
void list_latent(parameter_list& p, const std::string& name, transformer::latent_weights& w) {
  list_linear(p, name + "query_down", w.query_down);
  list_norm(p, name + "query_norm", w.query_norm);
  list_linear(p, name + "query_up", w.query_up);
  list_linear(p, name + "down", w.down);
  list_norm(p, name + "norm", w.norm);
  list_linear(p, name + "up", w.up);
}
void list_apart(parameter_list& p, const std::string& name, transformer::apart_weights& w) {
  list_linear(p, name + "queries", w.queries);
  list_linear(p, name + "keys", w.keys);
  list_linear(p, name + "values", w.values);
  list_linear(p, name + "gate", w.gate);
  list_linear(p, name + "key_taps", w.key_taps);
  list_linear(p, name + "value_taps", w.value_taps);
  list_norm(p, name + "key_norm", w.key_norm);
  list_norm(p, name + "value_norm", w.value_norm);
  p.tensor(name + "query_scale", w.query_scale, kind::vector);
  p.tensor(name + "mix_scale", w.mix_scale, kind::vector);
  p.tensor(name + "key_kernel", w.key_kernel, kind::vector);
  p.tensor(name + "value_kernel", w.value_kernel, kind::vector);
}
void list_state_space(parameter_list& p, const std::string& name,
                      transformer::state_space_weights& w) {
  list_linear(p, name + "in", w.in);
  list_linear(p, name + "out", w.out);
  p.tensor(name + "taps", w.vectors.taps, kind::vector);
  p.tensor(name + "taps_bias", w.vectors.taps_bias, kind::vector);
  p.tensor(name + "step_bias", w.vectors.step_bias, kind::vector);
  p.tensor(name + "decay", w.vectors.decay, kind::vector);
  p.tensor(name + "skip", w.vectors.skip, kind::vector);
  p.tensor(name + "gain", w.vectors.gain, kind::vector);
}
void list_messages(parameter_list& p, const std::string& name, transformer::layer& w) {
  for (std::size_t i = 0; i < w.messages.size(); ++i) {
    const auto own = name + "messages." + std::to_string(i) + ".";
    list_linear(p, own + "down", w.messages[i].down);
    list_linear(p, own + "forget", w.messages[i].forget);
    list_linear(p, own + "take", w.messages[i].take);
  }
  p.tensor(name + "asks", w.asks, kind::vector);
}

}  // namespace

void transformer::list(parameter_list& p) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto name = "layers." + std::to_string(i) + ".";
    const auto& a = config_.layers[i].attention;
    const auto activation = config_.layers[i].feed_forward.activation;
    auto& attention = layers_[i].attention;
    auto& feed = layers_[i].feed;
    list_norm(p, name + "attention.norm", attention.norm);
    list_linear(p, name + "attention.qkv", attention.qkv, a.heads == a.kv_heads ? 3 : 1);
    list_latent(p, name + "attention.latent.", attention.latent);
    p.tensor(name + "attention.q_gain", attention.vectors.q_gain, kind::vector);
    p.tensor(name + "attention.k_gain", attention.vectors.k_gain, kind::vector);
    p.tensor(name + "attention.bias", attention.vectors.bias, kind::vector);
    p.tensor(name + "attention.sinks", attention.vectors.sinks, kind::vector);
    list_apart(p, name + "attention.", attention.apart);
    p.tensor(name + "attention.bank", attention.vectors.bank, kind::vector);
    p.tensor(name + "attention.kernel", attention.kernel, kind::vector);
    p.tensor(name + "attention.asks", attention.asks, kind::vector);
    list_linear(p, name + "attention.out", attention.out);
    list_norm(p, name + "attention.branch_norm", attention.branch_norm);
    list_norm(p, name + "feed.norm", feed.norm);
    list_linear(p, name + "feed.router", feed.router);
    p.tensor(name + "feed.correction", feed.correction, kind::vector);
    for (std::size_t e = 0; e < feed.experts.size(); ++e)
      list_dense(p, name + "feed.experts." + std::to_string(e) + ".", feed.experts[e], activation);
    list_dense(p, name + "feed.", feed.dense, activation);
    list_norm(p, name + "feed.branch_norm", feed.branch_norm);
    p.tensor(name + "feed.scale", feed.scale, kind::vector);
    p.tensor(name + "feed.kernel", feed.kernel, kind::vector);
    p.tensor(name + "feed.asks", feed.asks, kind::vector);
    list_state_space(p, name + "state_space.", layers_[i].state_space);
    list_messages(p, name, layers_[i]);
  }
  list_norm(p, "final_norm", final_norm_);
  p.tensor("final_asks", final_asks_, kind::vector);
}

void transformer::divide(const division& by) {
  parameter_list all;
  all.packed = true;
  list(all);
  std::set<const matrix*> whole;
  for (auto& layer : layers_) {
    auto& feed = layer.feed;
    whole.insert(&feed.router.weight);
    if (!feed.experts.empty()) feed.peers = by.group;
    for (std::size_t e = 0; e < feed.experts.size(); ++e) {
      auto& expert = feed.experts[e];
      for (auto* w : {&expert.up, &expert.down}) {
        whole.insert(&w->weight);
        if (static_cast<int>(e) % by.group->size() == by.group->rank()) continue;
        const int id = w->weight.id;
        *w = {};
        w->weight.id = id;
      }
    }
  }
  separate_weight_memory();  // the whole matrices go back
  for (const auto& p : all.all)
    if (p.weight && !whole.contains(p.weight)) ops::divide(*p.weight, by);
}

}  // namespace hocket::engine
