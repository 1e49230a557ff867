// The model definition, continued: queries, keys and values apart, with convolutions between; layers that
// add to blocks and read from them; layers that run several times.
#include <algorithm>

#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/transformer.hpp"

namespace hocket::engine {
at::Tensor transformer::apart_qkv(const three& x, const visit& at) const {
  const auto& w = layers_[at.layer].attention.apart;
  const auto& layer = config_.layers[at.layer];
  const auto& a = layer.attention;
  const auto& c = layer.convolution;
  const auto& adapters = at.rows.adapters;
  const auto side = [&](const at::Tensor& in, const linear_weights& to, const linear_weights& taps,
                        const at::Tensor& kernel, convolved which) {
    const auto y = ops::linear(in, to.weight, adapters);
    if (c.kernel == 0) return y;
    const auto own = c.dynamic ? ops::linear(in, taps.weight, {}) : at::Tensor();
    const auto scale = c.dynamic ? c.dynamic_scale : c.scale;
    return ops::convolve(y, kernel, own, {which, at.memory, c.kernel, scale, at.rows});
  };
  const auto& key_input = x.keys.defined() ? x.keys : x.queries;
  const auto& value_input = x.values.defined() ? x.values : x.queries;
  auto q = ops::linear(x.queries, w.queries.weight, adapters);
  auto k = side(key_input, w.keys, w.key_taps, w.key_kernel, convolved::keys);
  auto v = side(value_input, w.values, w.value_taps, w.value_kernel, convolved::values);
  const std::int64_t queries = std::int64_t{a.heads} * a.head_dim;
  const std::int64_t mixes = std::int64_t{a.heads} * a.relative_rank;
  auto mix = q.slice(1, queries, queries + mixes);
  const auto sinks = q.slice(1, queries + mixes);
  q = q.slice(1, 0, queries);
  if (a.clip > 0) {
    q = ops::clip(q, w.query_scale, a.heads, a.clip);
    k = ops::clip(k, {}, a.kv_heads, a.clip);
    v = ops::rms_norm(v.reshape({-1, a.values()}), {}, config_.norm_epsilon).view(v.sizes());
  }
  if (a.relative_clip > 0) mix = ops::clip(mix, w.mix_scale, a.heads, a.relative_clip);
  return at::cat({q, k, v, mix, sinks}, 1);
}

std::vector<at::Tensor> transformer::depth::all() const {
  auto states = blocks;
  states.push_back(sum);
  return states;
}

at::Tensor transformer::through_blocks(const at::Tensor& x, const std::vector<rotation>& turns,
                                       const row_map& rows) const {
  const auto& loop = config_.loop;
  const int layers = static_cast<int>(layers_.size());
  depth state{{}, x};
  const auto pass = [&](int begin, int end, int memory, const depth* before) {
    for (int i = begin; i < end; ++i, ++memory) pass_layer(state, before, {i, memory, turns, rows});
  };
  pass(0, loop.begin, 0, nullptr);
  const auto entry = state;
  pass(loop.begin, loop.end, loop.begin, nullptr);
  int memory = layers;
  for (int again = 1; again < loop.passes; ++again, memory += loop.end - loop.begin) {
    // Messages come from what the pass before made, not from the state that it began with.
    depth before{{state.blocks.begin() + static_cast<std::ptrdiff_t>(entry.blocks.size()) + 1,
                  state.blocks.end()},
                 state.sum};
    state = entry;
    pass(loop.begin, loop.end, memory, &before);
  }
  pass(loop.end, layers, loop.end, nullptr);
  return ops::look_back(state.all(), final_asks_, config_.depth.epsilon)[0];
}

void transformer::pass_layer(depth& state, const depth* before, const visit& at) const {
  background_work::pass_or_stop();
  const auto& w = layers_[at.layer];
  std::vector<at::Tensor> messages;
  if (before) messages = ops::look_back(before->all(), w.asks, config_.depth.epsilon);
  const auto entered = state.sum;
  std::vector<at::Tensor> read{entered};
  if (w.attention.asks.defined())
    read = ops::look_back(state.all(), w.attention.asks, config_.depth.epsilon);
  const auto& own = w.attention.apart;
  const auto input = [&](std::size_t i, const norm_weights& norm) {
    auto x = read[std::min(i, read.size() - 1)];
    if (before) x = take_message(x, messages[i], w.messages[i], at.rows);
    return normalise(x, norm.gain.defined() ? norm : w.attention.norm);
  };
  three inputs{input(0, w.attention.norm), {}, {}};
  if (before || read.size() > 1 || own.key_norm.gain.defined()) {
    inputs.keys = input(1, own.key_norm);
    inputs.values = input(2, own.value_norm);
  }
  const auto branch = attention(inputs, at);
  const bool border = at.layer % config_.depth.layers == 0;
  if (border) state.blocks.push_back(entered);
  state.sum = border ? branch : ops::add(entered, branch);
  auto y = ops::look_back(state.all(), w.feed.asks, config_.depth.epsilon)[0];
  if (before) y = take_message(y, messages[3], w.messages[3], at.rows);
  state.sum = ops::add(state.sum, feed_forward(normalise(y, w.feed.norm), at));
}

at::Tensor transformer::take_message(const at::Tensor& x, const at::Tensor& message,
                                     const gate_weights& w, const row_map& rows) const {
  const auto both = at::cat({ops::rms_norm(x, {}, config_.norm_epsilon),
                             ops::rms_norm(message, {}, config_.norm_epsilon)},
                            1);
  const auto narrow = ops::linear(both, w.down.weight, rows.adapters);
  return ops::mix(x, message, ops::linear(narrow, w.forget.weight, rows.adapters),
                  ops::linear(narrow, w.take.weight, rows.adapters));
}

}  // namespace hocket::engine
