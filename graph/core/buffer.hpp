#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace hocket {

/// Immutable bytes with a reference count: copying a buffer copies a pointer, never the bytes.
///
/// Memory: the bytes live until the last copy goes. A slice keeps the whole alive.
class buffer {
 public:
  buffer() = default;

  /// Takes the vector's storage over without copying it.
  template <class T>
  static buffer take(std::vector<T>&& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    auto bytes = std::as_bytes(std::span<const T>(*owner));
    return buffer(std::shared_ptr<const std::byte>(owner, bytes.data()), bytes.size());
  }

  /// Copies the bytes once. Counted by `copies_made()`, so a test can show that a path has none.
  static buffer copy_of(std::span<const std::byte> bytes);

  /// Shares storage that `owner` keeps alive.
  static buffer share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
    return buffer(std::shared_ptr<const std::byte>(std::move(owner), bytes.data()), bytes.size());
  }

  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  std::size_t size_bytes() const { return size_; }
  bool empty() const { return size_ == 0; }
  const void* identity() const { return data_.get(); }

  /// The bytes read as T; a trailing part of a T is left out.
  template <class T>
  std::span<const T> as() const {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<const T*>(data_.get()), size_ / sizeof(T)};
  }

  buffer slice(std::size_t offset_bytes, std::size_t size_bytes) const;

  /// Number of byte copies `copy_of` made in this process so far.
  static std::uint64_t copies_made();

 private:
  buffer(std::shared_ptr<const std::byte> data, std::size_t size)
      : data_(std::move(data)), size_(size) {}

  std::shared_ptr<const std::byte> data_;
  std::size_t size_ = 0;
};

}  // namespace hocket
