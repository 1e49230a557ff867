#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "actors/wire/shm_arena.hpp"
#include "graph/contract/buffer.hpp"

namespace hocket::wire {

/// The sending end of an arena. Threads: one at a time.
///
/// Latency: one copy of the bulk bytes, and a system call only where the reader sleeps
/// (`hocket bench wire`).
class shm_writer {
 public:
  explicit shm_writer(std::shared_ptr<shm_arena> arena);
  ~shm_writer();

  struct block {
    std::uint32_t lease = 0;
    std::uint64_t offset_bytes = 0, size_bytes = 0;
  };
  /// Copies bulk bytes into the heap, at a multiple of 64. Empty where there is no room.
  std::optional<block> place(std::span<const std::byte> bytes);
  /// Gives back a block that no message names.
  void take_back(const block& b);
  /// Puts a message into the ring and wakes the reader. False: no room.
  bool write(std::span<const std::byte> message);

  std::size_t leased_blocks() const { return leased_.size(); }
  shm_arena& arena() { return *arena_; }

 private:
  void reclaim(std::size_t most);
  void release(std::uint64_t offset, std::uint64_t size);

  std::shared_ptr<shm_arena> arena_;
  std::map<std::uint64_t, std::uint64_t> free_;  ///< offset -> size; the lowest is used first
  struct lease {
    block where;
    std::uint64_t room = 0;
  };
  std::vector<lease> leased_;
  std::vector<std::uint32_t> free_leases_;
  std::size_t look_ = 0;  ///< where reclaim() goes on
  std::uint64_t written_ = 0;
};

/// The receiving end. It has a thread that sleeps while nothing comes and calls `on_message` for
/// every message; for a short time after one it looks for the next without sleeping.
class shm_reader {
 public:
  using handler = std::function<void(shm_reader& from, std::span<const std::byte> message)>;
  shm_reader(std::shared_ptr<shm_arena> arena, handler on_message);
  ~shm_reader();  ///< waits for the thread; never from inside `on_message`

  /// The bytes of a block, in place; the lease goes back with the last copy of the buffer, also after
  /// this reader is gone. Empty where the numbers are impossible.
  std::optional<buffer> find(std::uint32_t lease, std::uint64_t offset_bytes,
                             std::uint64_t size_bytes);
  /// The writer put something into the ring that is no message: nothing more will come.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }

 private:
  void loop();
  bool take();
  bool await();

  std::shared_ptr<shm_arena> arena_;
  handler on_message_;
  std::atomic<bool> stop_{false}, broken_{false};
  std::vector<std::byte> message_;
  std::uint64_t read_ = 0;
  std::int64_t spin_ns_ = 0;
  std::thread thread_;
};

}  // namespace hocket::wire
