#include "engine/transformer/kv_cache.hpp"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

namespace hocket::engine {

std::int64_t plain_cache::append(const at::Tensor& new_k, const at::Tensor& new_v,
                                 std::int64_t first) {
  if (!k.defined()) {
    k = new_k, v = new_v, start = first;
  } else {
    k = at::cat({k, new_k}, 1), v = at::cat({v, new_v}, 1);
  }
  return start;
}

void plain_cache::trim(std::int64_t window) {
  const std::int64_t extra = k.size(1) - (window - 1);
  if (extra <= 0) return;
  k = k.slice(1, extra).contiguous(), v = v.slice(1, extra).contiguous();
  start += extra;
}

void ring_cache::grow(std::int64_t end, std::int64_t key_width, std::int64_t value_width) {
  const auto wanted = std::min(end, capacity);
  if (static_cast<std::int64_t>(k.size()) >= wanted * key_width) return;
  const auto held = std::min(capacity, std::max<std::int64_t>(wanted + wanted / 2, 64));
  k.resize(held * key_width);
  v.resize(held * value_width);
}

void convolution_cache::write(const float* rows, std::int64_t first, std::int64_t count) {
  const auto stride = inputs.shape().value_stride(),
             channels = std::int64_t{inputs.shape().value_dim};
  inputs.forget_before(first);
  inputs.make_room(first, first + count);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto position = first + i;
    std::memcpy(
        inputs.page(position / page_shape::positions) + position % page_shape::positions * stride,
        rows + i * channels, static_cast<std::size_t>(channels) * sizeof(float));
  }
}

const float* convolution_cache::row(std::int64_t position) const {
  return inputs.page(position / page_shape::positions) +
         position % page_shape::positions * inputs.shape().value_stride();
}

namespace {

/// Inputs of a layer's four convolutions: pages that hold one value of `channels` a position.
void add_convolutions(const transformer_config& config, const layer_config& layer,
                      std::vector<convolution_cache>& all) {
  const auto& a = layer.attention;
  for (const int channels : {a.key_width(), a.value_width(), config.width, config.width})
    all.push_back({paged_layer({1, 0, channels}, std::max(1, layer.convolution.kernel)), {}});
}

}  // namespace

kv_cache::kv_cache(const transformer_config& config) : context_(config.context) {
  const auto memories = config.memories();
  plain_.resize(memories.size());
  bool convolves = false, scans = false;
  for (const auto& layer : config.layers) {
    convolves |= layer.convolution.kernel > 0;
    scans |= layer.mixer == mixer_kind::state_space;
  }
  for (const int i : memories) {
    const auto& a = config.layers[i].attention;
    if (convolves) add_convolutions(config, config.layers[i], convolutions_);
    if (scans) states_.emplace_back(config.layers[i].state_space);
    if (config.pages)
      paged_.emplace_back(page_shape{a.kv_heads, a.head_dim, a.values()},
                          a.window > 0 ? a.window : config.context);
  }
  if (config.pages) return;
  rings_.resize(memories.size());
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    const auto& a = config.layers[memories[i]].attention;
    rings_[i].capacity = a.window > 0 ? a.window : config.context;
    if (a.window > 0) rings_[i].grow(a.window, a.key_width(), a.value_width());
  }
}

std::size_t kv_cache::bytes() const {
  std::size_t sum = 0;
  for (const auto& r : rings_) sum += (r.k.size() + r.v.size()) * sizeof(float);
  for (const auto& p : plain_)
    if (p.k.defined()) sum += p.k.nbytes() + p.v.nbytes();
  for (const auto& p : paged_) sum += p.bytes();
  for (const auto& c : convolutions_)
    sum += c.inputs.bytes() + (c.plain.defined() ? c.plain.nbytes() : 0);
  for (const auto& s : states_) sum += s.bytes();
  return sum;
}

void kv_cache::forget_before(std::int64_t next) {
  for (auto& layer : paged_) layer.forget_before(next);
  for (auto& c : convolutions_) c.inputs.forget_before(next);
  for (auto& s : states_) s.forget_before(next);
}

bool kv_cache::remembers(std::int64_t length) const {
  return std::ranges::all_of(paged_, [&](const auto& layer) { return layer.remembers(length); }) &&
         std::ranges::all_of(
             convolutions_,
             [&](const auto& c) { return !c.plain.defined() && c.inputs.remembers(length); }) &&
         std::ranges::all_of(states_, [&](const auto& s) { return s.remembers(length); });
}

bool kv_cache::rewind(std::int64_t length) {
  if (!remembers(length)) return false;
  for (auto& layer : paged_) layer.rewind(length);
  for (auto& c : convolutions_) c.inputs.rewind(length);
  for (auto& s : states_) s.rewind(length);
  return true;
}

void kv_cache::visit_pages(const std::function<void(const void*, std::size_t)>& with) const {
  for (const auto& layer : paged_) layer.visit(with);
  for (const auto& c : convolutions_) c.inputs.visit(with);
  for (const auto& s : states_) s.visit(with);
}

}  // namespace hocket::engine
