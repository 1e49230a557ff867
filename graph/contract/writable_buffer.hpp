#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "graph/core/buffer.hpp"

namespace hocket {

/// Bytes in the making: their one owner writes them, then `std::move(w).seal()` makes a buffer of
/// them, and nobody has write access any more.
///
/// Memory: where it lies is for who made it to know; aligned for every number. What stands in it at
/// first is left open: write all of it. One that is never sealed costs nothing.
class writable_buffer {
 public:
  writable_buffer() = default;
  static writable_buffer on_heap(std::size_t size_bytes);
  /// Storage that `owner` keeps alive and that nobody else writes.
  static writable_buffer over(std::shared_ptr<void> owner, std::span<std::byte> bytes) {
    return {std::move(owner), bytes};
  }
  writable_buffer(writable_buffer&& o) noexcept
      : owner_(std::move(o.owner_)), bytes_(std::exchange(o.bytes_, {})) {}
  writable_buffer& operator=(writable_buffer&& o) noexcept {
    owner_ = std::move(o.owner_);
    bytes_ = std::exchange(o.bytes_, {});
    return *this;
  }

  std::span<std::byte> bytes() { return bytes_; }
  std::size_t size_bytes() const { return bytes_.size(); }
  /// The bytes as T; a trailing part of a T is left out.
  template <class T>
  std::span<T> as() {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  /// All of it, without a copy; this one is empty then.
  buffer seal() && { return buffer::share(std::move(owner_), std::exchange(bytes_, {})); }

 private:
  writable_buffer(std::shared_ptr<void> owner, std::span<std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  std::shared_ptr<void> owner_;
  std::span<std::byte> bytes_;
};

}  // namespace hocket
