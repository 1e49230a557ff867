#include "engine/parallel/shared_memory_group.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <new>

#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

constexpr std::uint32_t magic = 0x484b5047, version = 1;  // "HKPG"
constexpr std::int64_t sleep_ms = 50;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string system_error(const char* call) {
  return std::string(call) + ": " + std::strerror(errno);
}

}  // namespace

struct shared_memory_group::head {
  std::uint32_t magic, version, size;
  std::uint64_t numbers_at_once;
};

/// What a process says of itself: a line of the cache of its own.
struct alignas(64) shared_memory_group::member {
  std::atomic<std::uint32_t> step;  ///< exchanges that it wrote; others sleep on it
  std::atomic<std::uint32_t> left;
  std::atomic<std::int32_t> pid;        ///< 0: nobody has this place yet
  std::atomic<std::uint64_t> count[2];  ///< numbers in each of its slots
};

std::size_t shared_memory_group::bytes_of(int size, std::size_t numbers_at_once) {
  const auto count = static_cast<std::size_t>(size);
  return 64 + count * sizeof(member) + count * 2 * numbers_at_once * sizeof(float);
}

shared_memory_group::head& shared_memory_group::whole() const {
  return *reinterpret_cast<head*>(memory_);
}
shared_memory_group::member& shared_memory_group::member_of(int rank) const {
  return *reinterpret_cast<member*>(memory_ + 64 + static_cast<std::size_t>(rank) * sizeof(member));
}
/// Two for each process, in turns: who writes one again has seen all others come to the exchange between,
/// so that none of them still reads it.
float* shared_memory_group::slot(int rank, std::uint32_t step) const {
  auto* const first = memory_ + 64 + static_cast<std::size_t>(size_) * sizeof(member);
  return reinterpret_cast<float*>(first) +
         (static_cast<std::size_t>(rank) * 2 + step % 2) * options_.numbers_at_once;
}

shared_memory_group::shared_memory_group(int descriptor, std::byte* memory, std::size_t bytes,
                                         options o)
    : descriptor_(descriptor), memory_(memory), bytes_(bytes), options_(o) {
  std::fill(std::begin(watched_), std::end(watched_), -1);
}

shared_memory_group::~shared_memory_group() {
  if (size_ > 0) {
    auto& own = member_of(rank_);
    own.left.store(1, std::memory_order_release);
    syscall(SYS_futex, &own.step, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
  for (const int watched : watched_)
    if (watched >= 0) close(watched);
  munmap(memory_, bytes_);
  close(descriptor_);
}

result<std::unique_ptr<shared_memory_group>> shared_memory_group::create(int size, options o) {
  constexpr std::size_t most_numbers = 1u << 26;
  if (size < 2 || size > most)
    return fail("parallel.bad_group", "a group has 2 to " + std::to_string(most) +
                                          " processes, not " + std::to_string(size));
  if (o.numbers_at_once < 1 || o.numbers_at_once > most_numbers)
    return fail("parallel.bad_group", "numbers_at_once is 1 to " + std::to_string(most_numbers));
  const auto bytes = bytes_of(size, o.numbers_at_once);
  const int descriptor = memfd_create("hocket-group", MFD_CLOEXEC);
  if (descriptor < 0) return fail("parallel.memory", system_error("memfd_create"));
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const auto why = system_error("ftruncate");
    close(descriptor);
    return fail("parallel.memory", why);
  }
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    const auto why = system_error("mmap");
    close(descriptor);
    return fail("parallel.memory", why);
  }
  std::unique_ptr<shared_memory_group> group(
      new shared_memory_group(descriptor, static_cast<std::byte*>(memory), bytes, o));
  new (memory) head{magic, version, static_cast<std::uint32_t>(size), o.numbers_at_once};
  group->size_ = size;
  for (int r = 0; r < size; ++r) new (&group->member_of(r)) member{};
  HOCKET_TRY(group->take_place(0));
  return group;
}

result<std::unique_ptr<shared_memory_group>> shared_memory_group::join(int descriptor, int rank,
                                                                       options o) {
  struct stat is {};
  const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return fail("parallel.bad_group", system_error("the group's descriptor"));
  const auto refuse = [&](const std::string& why) {
    close(own);
    return fail("parallel.bad_group", why);
  };
  if (fstat(own, &is) != 0 || is.st_size < 64) return refuse("the descriptor is no group's memory");
  const auto bytes = static_cast<std::size_t>(is.st_size);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
  if (memory == MAP_FAILED) return refuse(system_error("mmap"));
  head said;
  std::memcpy(&said, memory, sizeof said);
  const bool fits = said.magic == magic && said.version == version && said.size >= 2 &&
                    said.size <= most && said.numbers_at_once <= bytes &&
                    bytes_of(static_cast<int>(said.size), said.numbers_at_once) == bytes;
  if (!fits) {
    munmap(memory, bytes);
    return refuse("the descriptor is no group's memory, or that of another version");
  }
  o.numbers_at_once = said.numbers_at_once;
  std::unique_ptr<shared_memory_group> group(
      new shared_memory_group(own, static_cast<std::byte*>(memory), bytes, o));
  if (rank < 1 || rank >= static_cast<int>(said.size))
    return fail("parallel.bad_group", "number " + std::to_string(rank) + " of a group of " +
                                          std::to_string(said.size) + ": 1 to " +
                                          std::to_string(said.size - 1) + " can join");
  const int size = static_cast<int>(said.size);
  group->size_ = size;
  const auto took = group->take_place(rank);
  if (!took) {
    group->size_ = 0;  // its destructor has nobody to leave for
    return fail(took);
  }
  return group;
}

result<void> shared_memory_group::take_place(int rank) {
  std::int32_t nobody = 0;
  if (!member_of(rank).pid.compare_exchange_strong(nobody, static_cast<std::int32_t>(getpid())))
    return fail("parallel.bad_group", "number " + std::to_string(rank) + " is taken by process " +
                                          std::to_string(nobody));
  rank_ = rank;
  return {};
}

void shared_memory_group::all_gather(std::span<const float> mine,
                                     std::span<const std::size_t> counts, std::span<float> all) {
  HOCKET_ASSERT(static_cast<int>(counts.size()) == size_);
  HOCKET_ASSERT(counts[static_cast<std::size_t>(rank_)] == mine.size());
  if (broken_) throw process_lost("a process of this model is gone");
  std::size_t places[most], total = 0, longest = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    places[r] = total;
    total += counts[r];
    longest = std::max(longest, counts[r]);
  }
  HOCKET_ASSERT(all.size() == total);
  for (std::size_t at = 0; at < longest; at += options_.numbers_at_once)
    exchange(mine, counts, {places, counts.size()}, all, at);
}

/// Numbers `at` and after of each process, as many as fit.
void shared_memory_group::exchange(std::span<const float> mine, std::span<const std::size_t> counts,
                                   std::span<const std::size_t> places, std::span<float> all,
                                   std::size_t at) {
  const auto part = [&](std::size_t count) {
    return std::min(options_.numbers_at_once, count > at ? count - at : 0);
  };
  auto& own = member_of(rank_);
  const auto given = part(mine.size());
  if (given > 0) std::memcpy(slot(rank_, step_), mine.data() + at, given * sizeof(float));
  own.count[step_ % 2].store(given, std::memory_order_relaxed);
  given_bytes_ += given * sizeof(float);
  own.step.store(step_ + 1, std::memory_order_release);
  syscall(SYS_futex, &own.step, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  for (int r = 0; r < size_; ++r) {
    const auto i = static_cast<std::size_t>(r);
    const auto count = part(counts[i]);
    if (r != rank_) {
      wait_for(r, step_ + 1);
      if (member_of(r).count[step_ % 2].load(std::memory_order_relaxed) != count)
        lose(r, "computes something else than this one");
    }
    if (count > 0) std::memcpy(all.data() + places[i] + at, slot(r, step_), count * sizeof(float));
  }
  ++step_;
}

void shared_memory_group::wait_for(int rank, std::uint32_t step) {
  auto& other = member_of(rank);
  const auto there = [&](std::uint32_t at) { return static_cast<std::int32_t>(at - step) >= 0; };
  const auto began = now_us();
  for (;;) {
    const auto at = other.step.load(std::memory_order_acquire);
    if (there(at)) return;
    const auto waited = now_us() - began;
    if (waited < options_.look_us) {
      sched_yield();
      continue;
    }
    // It may have written and then left or died: what it wrote counts.
    const bool left = other.left.load(std::memory_order_acquire) != 0;
    if (left || died(rank)) {
      if (there(other.step.load(std::memory_order_acquire))) return;
      lose(rank, left ? "has left" : "has died");
    }
    if (waited > options_.patience_ms * 1000)
      lose(rank, "was silent for " + std::to_string(options_.patience_ms) + " ms");
    const timespec pause{0, sleep_ms * 1'000'000};
    syscall(SYS_futex, &other.step, FUTEX_WAIT, at, &pause, nullptr, 0);
  }
}

bool shared_memory_group::died(int rank) {
  int& watched = watched_[rank];
  if (watched == -1) {
    const auto pid = member_of(rank).pid.load(std::memory_order_relaxed);
    if (pid <= 0) return false;  // it has not come yet
    watched = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (watched < 0) {
      const bool gone = errno == ESRCH;
      watched = -2;
      if (gone) return true;
    }
  }
  if (watched < 0) return false;
  pollfd ended{watched, POLLIN, 0};
  return poll(&ended, 1, 0) == 1;
}

void shared_memory_group::lose(int rank, const std::string& why) {
  broken_ = true;
  throw process_lost("process " + std::to_string(rank) + " of the " + std::to_string(size_) +
                     " that hold this model " + why);
}

}  // namespace hocket::engine
