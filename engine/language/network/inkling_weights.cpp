// The published Inkling models' layers, under the names of Hugging Face's modules.
#include <ATen/ATen.h>

#include "engine/language/network/weight_reader.hpp"

namespace hocket::language {
namespace {

using engine::transformer;

/// Taps [kernel, channels] by distance back from a depthwise convolution's weight.
at::Tensor taps(weight_reader& r, const std::string& name, std::int64_t channels, int kernel) {
  const auto w = r.tensor(name + ".conv1d.weight", {channels, 1, kernel});
  if (r.failed()) return w;
  return w.squeeze(1).t().flip(0).contiguous();
}

/// A query of states: [width], or several of them, as [queries, width].
at::Tensor asks(weight_reader& r, const std::string& name, std::int64_t queries, std::int64_t d) {
  const auto q = queries == 1 ? r.tensor(name, {d}) : r.tensor(name, {queries, d});
  return r.failed() ? q : q.view({queries, d});
}

void read_first_attention(weight_reader& r, const std::string& p, std::int64_t d,
                          const engine::layer_config& c, transformer::attention_weights& w) {
  const auto& a = c.attention;
  auto& own = w.apart;
  const int kernel = c.convolution.kernel;
  r.linear({{p + "q_proj", std::int64_t{a.heads} * a.head_dim},
            {p + "r_proj", std::int64_t{a.heads} * a.relative_rank}},
           d, false, own.queries);
  r.linear({{p + "k_proj", a.key_width()}}, d, false, own.keys);
  r.linear({{p + "v_proj", a.value_width()}}, d, false, own.values);
  r.linear({{p + "o_proj", d}}, a.out_width(), false, w.out);
  own.key_kernel = taps(r, p + "k_sconv", a.key_width(), kernel);
  own.value_kernel = taps(r, p + "v_sconv", a.value_width(), kernel);
  w.vectors.q_gain = r.gain(p + "q_norm.weight", a.head_dim);
  w.vectors.k_gain = r.gain(p + "k_norm.weight", a.head_dim);
  w.vectors.bank = r.tensor(p + "rel_logits_proj.proj", {a.relative_rank, a.relative_extent});
}

/// Keys or values of the second generation: their matrix and their convolution.
void read_side(weight_reader& r, const std::string& p, std::int64_t d,
               const engine::layer_config& c, std::int64_t width,
               transformer::linear_weights& matrix, transformer::linear_weights& own,
               at::Tensor& kernel) {
  const std::int64_t reach = c.convolution.kernel;
  r.linear({{p + "linear", width}}, d, false, matrix);
  if (!c.convolution.dynamic) {
    kernel = taps(r, p + "sconv", width, c.convolution.kernel);
    return;
  }
  kernel = r.tensor(p + "sconv.static_weight", {reach, width});
  r.linear({{p + "sconv.weight_proj", c.attention.kv_heads * reach}}, d, false, own);
}

void read_second_attention(weight_reader& r, const std::string& p, std::int64_t d,
                           const engine::layer_config& c, transformer::attention_weights& w) {
  const auto& a = c.attention;
  auto& own = w.apart;
  const auto bias = p + "relative_position_bias.";
  const std::int64_t queries = std::int64_t{a.heads} * a.head_dim;
  const std::int64_t mixes = std::int64_t{a.heads} * a.relative_rank;
  r.linear({{p + "q_proj.linear", queries}, {bias + "linear", mixes}, {p + "sink_proj", a.heads}},
           d, false, own.queries);
  own.query_scale = r.tensor(p + "q_proj.norm.scale", {a.heads, a.head_dim}).flatten();
  own.mix_scale = r.tensor(bias + "norm.scale", {a.heads, a.relative_rank}).flatten();
  w.vectors.bank = r.tensor(bias + "proj", {a.relative_rank, a.relative_extent});
  read_side(r, p + "k_proj.", d, c, a.key_width(), own.keys, own.key_taps, own.key_kernel);
  read_side(r, p + "v_proj.", d, c, a.value_width(), own.values, own.value_taps, own.value_kernel);
  r.linear({{p + "o_proj.gate_proj", a.out_width()}}, d, false, own.gate);
  r.linear({{p + "o_proj.linear", d}}, a.out_width(), false, w.out);
}

/// Published checkpoints hold gates and ups in turns along `dim`; here gates come first.
at::Tensor gates_first(const at::Tensor& t, std::int64_t dim) {
  const auto n = t.size(dim);
  return at::cat({t.slice(dim, 0, n, 2), t.slice(dim, 1, n, 2)}, dim);
}

/// All routed experts in two tensors, [experts, out, in], gates before ups.
void read_experts(weight_reader& r, const std::string& p, std::int64_t d,
                  const engine::feed_forward_config& f, transformer::feed_forward_weights& w) {
  const auto& e = f.experts;
  const std::int64_t n = e.count, width = f.width;
  r.router(p + "gate", n + (e.shared_scored ? e.shared : 0), d, false, w.router);
  w.correction = r.tensor(p + "gate.e_score_correction_bias", {n});
  const bool published = r.published();
  const auto up =
      r.experts(p + (published ? "experts.w13_weight" : "experts.gate_up_proj"), {n, 2 * width, d});
  const auto down =
      r.experts(p + (published ? "experts.w2_weight" : "experts.down_proj"), {n, d, width});
  if (r.failed()) return;
  w.experts.resize(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const auto one = up.of(i), other = down.of(i);
    for (const auto* read : {&one, &other})
      if (!*read) return r.note(read->error().code, read->error().message);
    auto& expert = w.experts[static_cast<std::size_t>(i)];
    r.pack(expert.up.weight, published ? gates_first(*one, 0) : *one);
    r.pack(expert.down.weight, *other);
  }
}

/// The shared experts as one feed-forward: all gates, then all ups; its hidden numbers in their order.
void read_shared(weight_reader& r, const std::string& p, std::int64_t d,
                 const engine::feed_forward_config& f, transformer::dense_weights& w) {
  const std::int64_t n = f.experts.shared, width = f.width;
  if (r.published()) {
    const auto both = r.tensor(p + "shared_w13_weight", {n, 2 * width, d});
    const auto down = r.tensor(p + "shared_w2_weight", {n, d, width});
    if (r.failed()) return;
    const auto gates = both.slice(1, 0, 2 * width, 2), ups = both.slice(1, 1, 2 * width, 2);
    r.pack(w.up.weight, at::cat({gates.flatten(0, 1), ups.flatten(0, 1)}, 0));
    r.pack(w.down.weight, down.transpose(0, 1).reshape({d, n * width}));
    return;
  }
  const auto gate = r.tensor(p + "gate_proj", {n, width, d});
  const auto up = r.tensor(p + "up_proj", {n, width, d});
  const auto down = r.tensor(p + "down_proj", {n, d, width});
  if (r.failed()) return;
  r.pack(w.up.weight, at::cat({gate.flatten(0, 1), up.flatten(0, 1)}, 0));
  r.pack(w.down.weight, down.transpose(0, 1).reshape({d, n * width}));
}

void read_feed_forward(weight_reader& r, const std::string& p, std::int64_t d,
                       const engine::feed_forward_config& f, transformer::feed_forward_weights& w) {
  if (f.experts.count == 0) {
    if (r.published()) {
      const auto both = r.tensor(p + "w13_dn.weight", {2 * std::int64_t{f.width}, d});
      if (!r.failed()) r.pack(w.dense.up.weight, gates_first(both, 0));
    } else {
      r.linear({{p + "gate_proj", f.width}, {p + "up_proj", f.width}}, d, false, w.dense.up);
    }
    r.linear({{p + "down_proj", d}}, f.width, false, w.dense.down);
    if (f.scaled) w.scale = r.tensor(p + "global_scale", {1});
    return;
  }
  read_experts(r, p, d, f, w);
  if (f.scaled) w.scale = r.tensor(p + "gate.global_scale", {1});
  if (f.experts.shared > 0) read_shared(r, p + "shared_experts.", d, f, w.dense);
}

void read_messages(weight_reader& r, const std::string& p, const network_config& c, int i,
                   transformer::layer& w) {
  const std::int64_t d = c.trunk.width;
  const auto& loop = c.trunk.loop;
  for (const char* of : {"q", "k", "v", "mlp"}) {
    const auto gate = p + of + "_message_gate.";
    auto& to = w.messages.emplace_back();
    r.linear({{gate + "down_proj", loop.gate_rank}}, 2 * d, false, to.down);
    r.linear({{gate + "forget_gate_proj", d}}, loop.gate_rank, false, to.forget);
    r.linear({{gate + "message_gate_proj", d}}, loop.gate_rank, false, to.take);
  }
  const std::int64_t layers = loop.end - loop.begin, own = i - loop.begin;
  if (r.published()) {  // [queries, feed] and [keys, values] of each layer
    const auto outer = r.tensor("model.middle_cycle_cross_pass_queries", {2 * layers, d});
    const auto inner = r.tensor("model.middle_cycle_cross_pass_kv_queries", {2 * layers, d});
    if (!r.failed())
      w.asks = at::cat({outer.slice(0, 2 * own, 2 * own + 1), inner.slice(0, 2 * own, 2 * own + 2),
                        outer.slice(0, 2 * own + 1, 2 * own + 2)},
                       0);
    return;
  }
  const auto all = r.tensor("model.message_input.query", {layers, 4, d});
  if (!r.failed()) w.asks = all[own].clone();
}

}  // namespace

void read_inkling_layer(weight_reader& r, const network_config& c, int i, transformer::layer& w) {
  const auto& layer = c.trunk.layers[static_cast<std::size_t>(i)];
  const std::int64_t d = c.trunk.width;
  const auto p = "model.layers." + std::to_string(i) + ".";
  const int kernel = layer.convolution.kernel;
  auto& attention = w.attention;
  auto& feed = w.feed;
  read_feed_forward(r, p + "mlp.", d, layer.feed_forward, feed);
  feed.norm = r.norm(p + "post_attention_layernorm", d);
  if (c.trunk.depth.layers == 0) {
    read_first_attention(r, p + "self_attn.", d, layer, attention);
    attention.norm = r.norm(p + "input_layernorm", d);
    attention.kernel = taps(r, p + "attn_sconv", d, kernel);
    feed.kernel = taps(r, p + "mlp_sconv", d, kernel);
    return;
  }
  read_second_attention(r, p + "self_attn.", d, layer, attention);
  const bool all = layer.attention.window == 0;
  attention.norm = r.norm(p + (all ? "q_input_layernorm" : "input_layernorm"), d);
  if (all) {
    attention.apart.key_norm = r.norm(p + "k_input_layernorm", d);
    attention.apart.value_norm = r.norm(p + "v_input_layernorm", d);
  }
  attention.kernel = taps(r, p + "post_attention_convolution", d, kernel);
  feed.kernel = taps(r, p + "post_mlp_convolution", d, kernel);
  if (i > 0) attention.asks = asks(r, p + "attention_input.query", all ? 3 : 1, d);
  feed.asks = asks(r, p + "mlp_input.query", 1, d);
  if (i >= c.trunk.loop.begin && i < c.trunk.loop.end) read_messages(r, p, c, i, w);
}

}  // namespace hocket::language
