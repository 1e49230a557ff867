#include "engine/transformer/weight_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>

namespace hocket::engine {
namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;
constexpr std::size_t slab_bytes = 16 * large_page;
constexpr std::size_t line = 64;

std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

/// A mapping that parts are cut from. Pages that nobody wrote to cost nothing.
class slab {
 public:
  explicit slab(std::size_t bytes) : mapped_(rounded_up(bytes, large_page) + large_page) {
    base_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    const auto at = reinterpret_cast<std::uintptr_t>(base_);
    next_ = static_cast<std::byte*>(base_) + (rounded_up(at, large_page) - at);
    end_ = next_ + rounded_up(bytes, large_page);
    // A wish: a system without such pages gives small ones.
    static_cast<void>(::madvise(next_, static_cast<std::size_t>(end_ - next_), MADV_HUGEPAGE));
  }
  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;
  ~slab() { ::munmap(base_, mapped_); }

  /// Null where there is no room.
  std::byte* cut(std::size_t bytes) {
    bytes = rounded_up(bytes, line);
    if (static_cast<std::size_t>(end_ - next_) < bytes) return nullptr;
    auto* const part = next_;
    next_ += bytes;
    return part;
  }

 private:
  std::size_t mapped_;
  void* base_;
  std::byte* next_;
  std::byte* end_;
};

std::mutex mutex;
std::weak_ptr<slab> newest;  // its parts keep it

[[maybe_unused]] std::shared_ptr<std::byte> from_slab(std::size_t bytes) {
  const std::lock_guard lock(mutex);
  auto from = newest.lock();
  auto* part = from ? from->cut(bytes) : nullptr;
  if (part == nullptr) {
    const bool alone = bytes > slab_bytes / 4;
    from = std::make_shared<slab>(alone ? bytes : slab_bytes);
    part = from->cut(bytes);
    if (!alone) newest = from;
  }
  return {from, part};
}

[[maybe_unused]] std::shared_ptr<std::byte> from_own_slab(std::size_t bytes) {
  const auto from = std::make_shared<slab>(bytes);
  return {from, from->cut(bytes)};
}

/// Alone on the heap, where a sanitizer sees who reads past its end.
std::shared_ptr<std::byte> from_heap(std::size_t bytes) {
  auto* const part = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{line}));
  return {part, [](std::byte* p) { ::operator delete (p, std::align_val_t{line}); }};
}

}  // namespace

std::shared_ptr<std::byte> weight_memory(std::size_t bytes) {
#if !defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t least = 64 << 10;
  if (bytes >= least) return from_slab(bytes);
#endif
  return from_heap(bytes);
}

void separate_weight_memory() {
  const std::lock_guard lock(mutex);
  newest.reset();
}

std::shared_ptr<std::byte> weight_memory_alone(std::size_t bytes) {
#if !defined(__SANITIZE_ADDRESS__)
  if (bytes >= large_page) return from_own_slab(bytes);
#endif
  return from_heap(bytes);
}

}  // namespace hocket::engine
