#include "graph/contract/writable_buffer.hpp"

namespace hocket {

writable_buffer writable_buffer::on_heap(std::size_t size_bytes) {
  auto owner = std::make_shared_for_overwrite<std::byte[]>(size_bytes);
  const std::span bytes(owner.get(), size_bytes);
  return over(std::move(owner), bytes);
}

}  // namespace hocket
