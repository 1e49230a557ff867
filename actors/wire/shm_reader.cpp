#include <algorithm>
#include <cstring>
#include <utility>

#include "actors/wire/shm_channel.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire {
namespace {
constexpr std::uint64_t word = 8;
constexpr std::uint64_t wrap = UINT64_MAX;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

shm_reader::shm_reader(std::shared_ptr<shm_arena> arena, handler on_message)
    : arena_(std::move(arena)), on_message_(std::move(on_message)), thread_([this] { loop(); }) {}

shm_reader::~shm_reader() {
  stop_.store(true);
  auto& h = arena_->head();
  h.asleep.store(0);
  futex_wake(h.asleep);
  thread_.join();
}

void shm_reader::loop() {
  while (!stop_.load(std::memory_order_relaxed))
    if (!take() && !await()) return;
}

bool shm_reader::take() {
  constexpr std::uint64_t size = shm_arena::ring_bytes;
  auto& h = arena_->head();
  const auto there = h.written.load(std::memory_order_acquire) - read_;
  if (there == 0) return false;
  auto at = read_ % size;
  std::uint64_t length = 0;
  bool sound = there <= size && there >= word;
  if (sound) std::memcpy(&length, arena_->ring() + at, word);
  if (sound && length == wrap) {
    const auto skip = size - at;
    sound = skip + word <= there;
    if (sound) {
      read_ += skip;
      at = 0;
      std::memcpy(&length, arena_->ring(), word);
    }
  }
  sound = sound && length > 0 && length <= size - at - word && length <= there - word;
  if (!sound) {
    broken_.store(true);
    stop_.store(true);
    return false;
  }
  // A private copy: the writer could change the bytes while they are checked.
  message_.resize(length);
  std::memcpy(message_.data(), arena_->ring() + at + word, length);
  read_ += word + (length + word - 1) / word * word;
  h.read.store(read_, std::memory_order_release);
  const auto came_ns = std::exchange(came_ns_, 0);
  on_message_(*this, message_, came_ns != 0 ? came_ns : monotonic_ns());
  return true;
}

/// False: nothing more will come.
bool shm_reader::await() {
  auto& h = arena_->head();
  const auto since = monotonic_ns();
  // Messages come so soon that looking could find them.
  const bool quick = spin_.ns() > 0;
  const auto came = [&] {
    came_ns_ = monotonic_ns();
    const auto took = came_ns_ - since;
    spin_.waited(took);
    if (quick) choice_.waited(took);
  };
  // Who sleeps looks no more: a pause and one more look at the clock cost what a message does.
  if (quick && choice_.looks()) {
    const auto until = since + spin_.ns();
    do {
      for (int i = 0; i < 32; ++i) {  // 32 pauses take longer than a message beside us
        if (h.written.load(std::memory_order_acquire) != read_) {
          came();
          return true;
        }
        relax();
      }
    } while (monotonic_ns() < until && !stop_.load(std::memory_order_relaxed));
  }
  h.asleep.store(1);
  if (h.written.load() != read_ || stop_.load()) {
    h.asleep.store(0);
    return true;
  }
  if (h.closed.load() != 0) return false;
  // With a limit, so that a wake-up that a dying writer left out cannot hold us for ever.
  futex_wait(h.asleep, 1, 1'000'000'000);
  came();
  return true;
}

std::optional<buffer> shm_reader::find(std::uint32_t lease, std::uint64_t offset,
                                       std::uint64_t size) {
  return block_in(arena_, lease, offset, size);
}

std::optional<buffer> block_in(const std::shared_ptr<shm_arena>& arena, std::uint32_t lease,
                               std::uint64_t offset, std::uint64_t size) {
  if (lease >= shm_arena::lease_count || offset > arena->heap_bytes() ||
      size > arena->heap_bytes() - offset)
    return {};
  struct owner {
    std::shared_ptr<shm_arena> arena;
    std::uint32_t lease;
    ~owner() { arena->head().leases[lease].store(0, std::memory_order_release); }
  };
  // Not make_shared: clang 14, which builds the fuzz targets, makes no aggregate out of
  // parentheses.
  std::shared_ptr<owner> keeps(new owner{arena, lease});
  return buffer::share(std::move(keeps), {arena->heap() + offset, size});
}

}  // namespace hocket::wire
