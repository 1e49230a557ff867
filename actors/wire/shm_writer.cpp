#include <cstring>

#include "actors/wire/shm_channel.hpp"
#include "graph/core/assert.hpp"

namespace hocket::wire {
namespace {
constexpr std::uint64_t align = 64;
constexpr std::uint64_t word = 8;  ///< each message in the ring: its length, then its bytes, padded
constexpr std::uint64_t wrap = UINT64_MAX;
std::uint64_t padded(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }
}  // namespace

shm_writer::shm_writer(std::shared_ptr<shm_arena> arena) : arena_(std::move(arena)) {
  free_[0] = arena_->heap_bytes() / align * align;
  for (std::uint32_t i = shm_arena::lease_count; i > 0; --i) free_leases_.push_back(i - 1);
}

shm_writer::~shm_writer() {
  arena_->head().closed.store(1);
  arena_->head().asleep.store(0);
  futex_wake(arena_->head().asleep);
}

std::optional<shm_writer::block> shm_writer::place(std::span<const std::byte> bytes) {
  const auto room = padded(std::max<std::uint64_t>(1, bytes.size()), align);
  for (const std::size_t most : {std::size_t{16}, leased_.size()}) {
    reclaim(most);
    if (free_leases_.empty()) continue;
    // The lowest place that fits: what is used again soon is still in the cache.
    for (auto at = free_.begin(); at != free_.end(); ++at) {
      if (at->second < room) continue;
      const block b{free_leases_.back(), at->first, bytes.size()};
      free_leases_.pop_back();
      if (at->second > room) free_[at->first + room] = at->second - room;
      free_.erase(at);
      leased_.push_back({b, room});
      std::memcpy(arena_->heap() + b.offset_bytes, bytes.data(), bytes.size());
      arena_->head().leases[b.lease].store(1, std::memory_order_relaxed);
      return b;
    }
  }
  return {};
}

void shm_writer::take_back(const block& b) {
  arena_->head().leases[b.lease].store(0, std::memory_order_relaxed);
}

void shm_writer::reclaim(std::size_t most) {
  for (std::size_t i = 0; i < most && !leased_.empty(); ++i) {
    if (look_ >= leased_.size()) look_ = 0;
    auto& l = leased_[look_];
    if (arena_->head().leases[l.where.lease].load(std::memory_order_acquire) != 0) {
      ++look_;
      continue;
    }
    release(l.where.offset_bytes, l.room);
    free_leases_.push_back(l.where.lease);
    l = leased_.back();
    leased_.pop_back();
  }
}

void shm_writer::release(std::uint64_t offset, std::uint64_t size) {
  auto [at, fresh] = free_.emplace(offset, size);
  HOCKET_ASSERT(fresh);
  if (const auto next = std::next(at); next != free_.end() && offset + size == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at == free_.begin()) return;
  const auto before = std::prev(at);
  if (before->first + before->second == at->first) {
    before->second += at->second;
    free_.erase(at);
  }
}

bool shm_writer::write(std::span<const std::byte> message) {
  constexpr std::uint64_t size = shm_arena::ring_bytes;
  auto& h = arena_->head();
  const auto need = word + padded(message.size(), word);
  auto at = written_ % size;
  const auto skip = size - at < need ? size - at : 0;  // a message never wraps
  const auto used = written_ - h.read.load(std::memory_order_acquire);
  if (message.empty() || used > size || skip + need > size - used) return false;
  if (skip > 0) {
    std::memcpy(arena_->ring() + at, &wrap, word);
    written_ += skip;
    at = 0;
  }
  const std::uint64_t length = message.size();
  std::memcpy(arena_->ring() + at, &length, word);
  std::memcpy(arena_->ring() + at + word, message.data(), message.size());
  written_ += need;
  h.written.store(written_);  // sequentially consistent with the reader's `asleep`
  if (h.asleep.load() != 0) {
    h.asleep.store(0);
    futex_wake(h.asleep);
  }
  return true;
}

}  // namespace hocket::wire
