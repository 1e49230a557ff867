// Keys and values of a stream in pages that streams share until one of them writes. No torch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace hocket::engine {

/// What a page of one layer holds: 16 positions, keys [kv_heads, head_dim, 16] and after them values
/// [kv_heads, 16, value_stride], fp32.
struct page_shape {
  static constexpr std::int64_t positions = 16;
  int kv_heads = 0, head_dim = 0, value_dim = 0;

  std::int64_t value_stride() const {
    return (value_dim + 15) / 16 * 16;
  }  ///< filled up with zeros
  std::int64_t keys() const { return std::int64_t{kv_heads} * head_dim * positions; }
  std::int64_t values() const { return kv_heads * value_stride() * positions; }
  std::size_t bytes() const { return static_cast<std::size_t>(keys() + values()) * sizeof(float); }
};

/// A counted reference to a page; the last one frees it.
/// *Threads*: references to one page may live on several threads; only who is alone writes.
class kv_page {
 public:
  kv_page() = default;
  /// A page of zeros.
  explicit kv_page(const page_shape& shape);
  kv_page(const kv_page& other) : held_(other.held_) {
    if (held_) held_->references.fetch_add(1, std::memory_order_relaxed);
  }
  kv_page(kv_page&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  kv_page& operator=(kv_page other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~kv_page() { release(); }

  float* data() const { return reinterpret_cast<float*>(held_ + 1); }
  explicit operator bool() const { return held_ != nullptr; }
  bool alone() const { return held_->references.load(std::memory_order_acquire) == 1; }

 private:
  struct alignas(64) block {  // the numbers come after it
    std::atomic<std::int64_t> references{1};
  };
  void release();
  block* held_ = nullptr;
};

/// One layer's pages of one stream, by position from the stream's beginning. A copy shares the pages;
/// whoever writes into a shared one gets its own first.
class paged_layer {
 public:
  /// `window`: how many positions a row sees, itself included; 0: all.
  paged_layer(const page_shape& shape, std::int64_t window) : shape_(shape), window_(window) {}

  /// Of one that holds nothing: the first position that will be written is in the page of `position`.
  void start_at(std::int64_t position);
  /// Makes pages for the positions `first` to `end` - 1, which are about to be written.
  void make_room(std::int64_t first, std::int64_t end);
  /// Lets go what no row from `next` on sees. What a rewind of `slack` positions needs is kept.
  void forget_before(std::int64_t next);
  /// Whether all that a row at `position` sees is still there.
  bool remembers(std::int64_t position) const;
  /// As if nothing from `length` on had been written; `remembers(length)` holds.
  void rewind(std::int64_t length);

  /// The first position that is held, where any is.
  std::int64_t first_held() const { return first_page_ * page_shape::positions; }
  /// Page number `index` holds the positions from 16 * index on.
  float* page(std::int64_t index) const { return pages_[index - first_page_].data(); }
  const page_shape& shape() const { return shape_; }
  std::int64_t window() const { return window_; }
  std::size_t bytes() const { return pages_.size() * shape_.bytes(); }
  /// Calls with each page's address and bytes, so that shared ones can be counted once.
  void visit(const std::function<void(const void*, std::size_t)>& with) const;

  static constexpr std::int64_t slack = 16;

 private:
  std::int64_t first_seen(std::int64_t position) const;
  page_shape shape_;
  std::int64_t window_;
  std::int64_t first_page_ = 0;
  std::vector<kv_page> pages_;
};

}  // namespace hocket::engine
