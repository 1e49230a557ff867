#include "graph/core/buffer.hpp"

#include <atomic>

#include "graph/core/assert.hpp"

namespace hocket {
namespace {
std::atomic<std::uint64_t> copies{0};
}

buffer buffer::copy_of(std::span<const std::byte> bytes) {
  copies.fetch_add(1, std::memory_order_relaxed);
  return take(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

buffer buffer::slice(std::size_t offset_bytes, std::size_t size_bytes) const {
  HOCKET_ASSERT(offset_bytes <= size_ && size_bytes <= size_ - offset_bytes);
  return buffer(std::shared_ptr<const std::byte>(data_, data_.get() + offset_bytes), size_bytes);
}

std::uint64_t buffer::copies_made() { return copies.load(std::memory_order_relaxed); }

}  // namespace hocket
