#include "engine/model/stream_memory.hpp"

#include <algorithm>

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

void plain_cache::trim(int window) {
  const std::int64_t extra = window > 0 ? k.size(1) - (window - 1) : 0;
  if (extra <= 0) return;
  k = k.slice(1, extra).contiguous(), v = v.slice(1, extra).contiguous();
  start += extra;
}

stream_memory::stream_memory(const model_config& config, std::int64_t global_limit) {
  const std::int64_t width = std::int64_t{config.attention.kv_heads} * config.attention.head_dim;
  rings_.resize(config.layers);
  plain_.resize(config.layers);
  for (int i = 0; i < config.layers; ++i) {
    const int window = config.attention_window(i);
    rings_[i].capacity = window > 0 ? window : global_limit;
    rings_[i].width = width;
    rings_[i].k.resize(rings_[i].capacity * width);
    rings_[i].v.resize(rings_[i].capacity * width);
  }
}

std::size_t stream_memory::bytes() const {
  std::size_t sum = 0;
  for (const auto& r : rings_) sum += (r.k.size() + r.v.size()) * sizeof(float);
  for (const auto& p : plain_)
    if (p.k.defined()) sum += p.k.nbytes() + p.v.nbytes();
  return sum;
}

}  // namespace hocket::engine
