#include <cstring>

#include "actors/wire/shm_channel.hpp"
#include "graph/core/assert.hpp"

namespace hocket::wire {
namespace {
constexpr std::uint64_t align = 64;
constexpr std::uint64_t word = 8;  ///< each message in the ring: its length, then its bytes, padded
constexpr std::uint64_t wrap = UINT64_MAX;
/// Leases that are looked at before each block; all of them only where there is no room otherwise.
constexpr std::size_t few = 16;
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

std::optional<std::uint64_t> shm_writer::take_room(std::uint64_t room) {
  // The lowest place that fits: what is used again soon is still in the cache.
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    if (at->second < room) continue;
    const auto offset = at->first;
    // The next place that fits lies higher: it has no memory either.
    if (!arena_->reach(offset + room)) return {};
    if (at->second > room) free_[offset + room] = at->second - room;
    free_.erase(at);
    return offset;
  }
  return {};
}

shm_writer::block shm_writer::note_lease(std::uint64_t offset, std::uint64_t size,
                                         std::uint64_t room, std::optional<std::uint64_t> of) {
  const block b{free_leases_.back(), offset, size};
  free_leases_.pop_back();
  leased_.push_back({b, room, of});
  arena_->head().leases[b.lease].store(1, std::memory_order_relaxed);
  return b;
}

std::optional<shm_writer::block> shm_writer::place(std::span<const std::byte> bytes) {
  const auto room = padded(std::max<std::uint64_t>(1, bytes.size()), align);
  for (const std::size_t most : {few, leased_.size()}) {
    reclaim(most);
    if (free_leases_.empty()) continue;
    const auto at = take_room(room);
    if (!at) continue;
    std::memcpy(arena_->heap() + *at, bytes.data(), bytes.size());
    return note_lease(*at, bytes.size(), room, {});
  }
  return {};
}

std::optional<writable_buffer> shm_writer::allocate(std::size_t size_bytes) {
  // Without this, rounding up could wrap.
  if (size_bytes > arena_->heap_bytes()) return {};
  const auto room = padded(std::max<std::uint64_t>(1, size_bytes), align);
  for (const std::size_t most : {few, leased_.size()}) {
    reclaim(most);
    if (made_bytes_ + room > arena_->heap_bytes() / 4 * 3) continue;
    const auto at = take_room(room);
    if (!at) continue;
    made_[*at] = {room};
    made_bytes_ += room;
    struct owner {
      std::shared_ptr<shm_arena> arena;
      std::shared_ptr<returns> back;
      std::uint64_t offset;
      owner(std::shared_ptr<shm_arena> a, std::shared_ptr<returns> b, std::uint64_t o)
          : arena(std::move(a)), back(std::move(b)), offset(o) {}
      ~owner() {
        std::lock_guard lock(back->mutex);
        back->offsets.push_back(offset);
      }
    };
    return writable_buffer::over(std::make_shared<owner>(arena_, returns_, *at),
                                 {arena_->heap() + *at, size_bytes});
  }
  return {};
}

std::optional<shm_writer::block> shm_writer::lend(const buffer& b) {
  const auto begin = reinterpret_cast<std::uintptr_t>(arena_->heap());
  const auto at = reinterpret_cast<std::uintptr_t>(b.bytes().data());
  if (made_.empty() || at < begin || at >= begin + arena_->heap_bytes()) return {};
  const std::uint64_t offset = at - begin;
  auto found = made_.upper_bound(offset);
  if (found == made_.begin()) return {};
  --found;
  if (offset + b.size_bytes() > found->first + found->second.room) return {};
  for (const std::size_t most : {few, leased_.size()}) {
    reclaim(most);
    if (free_leases_.empty()) continue;
    ++found->second.lent;
    return note_lease(offset, b.size_bytes(), 0, found->first);
  }
  return {};
}

void shm_writer::take_back(const block& b) {
  arena_->head().leases[b.lease].store(0, std::memory_order_relaxed);
}

void shm_writer::reclaim(std::size_t most) {
  if (!made_.empty()) reclaim_made();
  for (std::size_t i = 0; i < most && !leased_.empty(); ++i) {
    if (look_ >= leased_.size()) look_ = 0;
    auto& l = leased_[look_];
    if (arena_->head().leases[l.where.lease].load(std::memory_order_acquire) != 0) {
      ++look_;
      continue;
    }
    free_leases_.push_back(l.where.lease);
    if (!l.of) {
      release(l.where.offset_bytes, l.room);
    } else if (auto& m = made_.at(*l.of); --m.lent == 0 && !m.held) {
      release_made(*l.of);
    }
    l = leased_.back();
    leased_.pop_back();
  }
}

void shm_writer::reclaim_made() {
  std::vector<std::uint64_t> gone;
  {
    std::lock_guard lock(returns_->mutex);
    gone.swap(returns_->offsets);
  }
  for (const auto offset : gone) {
    auto& m = made_.at(offset);
    m.held = false;
    if (m.lent == 0) release_made(offset);
  }
}

void shm_writer::release_made(std::uint64_t offset) {
  const auto found = made_.find(offset);
  const auto room = found->second.room;
  made_.erase(found);
  made_bytes_ -= room;
  release(offset, room);
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
