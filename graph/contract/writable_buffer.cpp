#include "graph/contract/writable_buffer.hpp"

#include <cstdint>
#include <new>

namespace hocket {

writable_buffer writable_buffer::on_heap(std::size_t size_bytes) {
  // The library adds its own count to the size, and does not look whether that wraps.
  if (size_bytes > PTRDIFF_MAX) throw std::bad_array_new_length();
  auto owner = std::make_shared_for_overwrite<std::byte[]>(size_bytes);
  const std::span bytes(owner.get(), size_bytes);
  return over(std::move(owner), bytes);
}

}  // namespace hocket
