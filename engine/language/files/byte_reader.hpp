#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace hocket::language {

static_assert(std::endian::native == std::endian::little, "weight files are read as they lie");

/// Reads little-endian values one after the other; past the end it gives zeros and is `broken()`.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool broken() const { return broken_; }
  std::size_t offset() const { return at_; }
  std::size_t remaining() const { return bytes_.size() - at_; }

  template <class T>
  T read() {
    T value{};
    const auto from = take(sizeof(T));
    if (from.size() == sizeof(T)) std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }

  /// The next `count` bytes, none of them where fewer are left.
  std::span<const std::byte> take(std::uint64_t count) {
    if (broken_ || count > remaining()) {
      broken_ = true;
      return {};
    }
    const auto part = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return part;
  }

  /// A string as GGUF has it: 64-bit length, then its bytes.
  std::string_view take_string() {
    const auto part = take(read<std::uint64_t>());
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace hocket::language
