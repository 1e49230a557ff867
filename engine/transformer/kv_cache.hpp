// Keys and values that a running stream remembers, layer by layer. Internal header of engine/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/transformer/config.hpp"
#include "engine/transformer/kv_pages.hpp"
#include "engine/transformer/state_memory.hpp"

namespace hocket::engine {

/// Plain path: keys and values [kv_heads, n, head_dim] of positions start, start + 1, ...
struct plain_cache {
  at::Tensor k, v;
  std::int64_t start = 0;
  std::int64_t append(const at::Tensor& new_k, const at::Tensor& new_v, std::int64_t first);
  void trim(std::int64_t window);  ///< to what the next position still sees
};

/// Streaming path: a ring of `capacity` positions, each with the keys and values of all heads.
struct ring_cache {
  std::int64_t capacity = 0;
  std::vector<float> k,
      v;  ///< fewer positions than `capacity` until those are needed
  /// Makes room for positions below `end`.
  void grow(std::int64_t end, std::int64_t key_width, std::int64_t value_width);
};

/// Inputs of a short convolution, by position: as many as its kernel reaches back, and some to go back to.
struct convolution_cache {
  paged_layer inputs;
  at::Tensor plain;  ///< plain path: the last ones, [kernel - 1, channels]
  /// Writes `count` rows from position `first` on.
  void write(const float* rows, std::int64_t first, std::int64_t count);
  const float* row(std::int64_t position) const;
};

/// One stream's memory: rings, or pages where the config says so (language models: a copy shares them).
/// *Memory*: bounded; a layer with window W holds W positions, a layer that
/// sees everything holds the last transformer_config::context positions and grows up to that.
class kv_cache {
 public:
  explicit kv_cache(const transformer_config& config);
  ring_cache& ring(int layer) { return rings_[layer]; }
  const ring_cache& ring(int layer) const { return rings_[layer]; }
  plain_cache& plain(int layer) { return plain_[layer]; }
  const plain_cache& plain(int layer) const { return plain_[layer]; }
  convolution_cache& convolution(int layer, convolved which) {
    return convolutions_[static_cast<std::size_t>(layer) * 4 + static_cast<std::size_t>(which)];
  }
  const convolution_cache& convolution(int layer, convolved which) const {
    return convolutions_[static_cast<std::size_t>(layer) * 4 + static_cast<std::size_t>(which)];
  }
  state_memory& state(int layer) { return states_[static_cast<std::size_t>(layer)]; }
  bool has_pages() const { return !paged_.empty(); }
  paged_layer& paged(int layer) { return paged_[layer]; }
  /// Of a cache with pages: lets go what no row from `next` on sees.
  void forget_before(std::int64_t next);
  /// Of a cache with pages, off the plain path: whether all that a row at `length` sees is still there.
  bool remembers(std::int64_t length) const;
  /// Of a cache with pages: as if nothing from `length` on had been written. False, and nothing
  /// changes, where what the next row sees is gone.
  bool rewind(std::int64_t length);
  /// Each page's address and bytes.
  void visit_pages(const std::function<void(const void*, std::size_t)>& with) const;
  std::int64_t context() const { return context_; }
  /// Memories of layers: more than layers where some run several times.
  int layers() const { return static_cast<int>(plain_.size()); }
  std::size_t bytes() const;

 private:
  std::int64_t context_;
  std::vector<ring_cache> rings_;
  std::vector<plain_cache> plain_;
  std::vector<paged_layer> paged_;
  std::vector<convolution_cache>
      convolutions_;                  ///< four of each layer; empty where no layer has any
  std::vector<state_memory> states_;  ///< of each layer; empty where none is a state space
};

}  // namespace hocket::engine
