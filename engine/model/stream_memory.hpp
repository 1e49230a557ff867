// Keys and values that a running stream remembers, layer by layer. Internal header of engine/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/model/config.hpp"

namespace hocket::engine {

/// Plain path: keys and values [kv_heads, n, head_dim] of positions start, start + 1, ...
struct plain_cache {
  at::Tensor k, v;
  std::int64_t start = 0;
  std::int64_t append(const at::Tensor& new_k, const at::Tensor& new_v, std::int64_t first);
  void trim(int window);
};

/// Streaming path: a ring of `capacity` positions, each [kv_heads * head_dim] keys and values.
struct ring_cache {
  std::int64_t capacity = 0, width = 0;
  std::vector<float> k, v;
  float* key(std::int64_t position) { return k.data() + (position % capacity) * width; }
  float* value(std::int64_t position) { return v.data() + (position % capacity) * width; }
};

/// One stream's memory. *Memory*: bounded; a layer with window W holds W positions, a layer that sees
/// everything holds the last `global_limit` positions.
class stream_memory {
 public:
  explicit stream_memory(const model_config& config, std::int64_t global_limit = 4096);
  ring_cache& ring(int layer) { return rings_[layer]; }
  plain_cache& plain(int layer) { return plain_[layer]; }
  std::size_t bytes() const;

 private:
  std::vector<ring_cache> rings_;
  std::vector<plain_cache> plain_;
};

}  // namespace hocket::engine
