#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "actors/wire/look_or_sleep.hpp"
#include "actors/wire/shm_arena.hpp"
#include "actors/wire/spin_budget.hpp"
#include "graph/contract/writable_buffer.hpp"

namespace hocket::wire {

/// The sending end of an arena. Threads: one at a time; buffers made in it live and go on any.
///
/// Latency: one copy of the bulk bytes, none of those that were made here, and a system call only
/// where the reader sleeps (`hocket bench wire`).
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
  /// Room in the heap for a payload that is made in place. It comes back when the last buffer that
  /// shows it is gone here, and the reader has given back every block of it that was lent. Empty
  /// where there is no room, or where most of the heap is in such use already: a producer that
  /// keeps buffers must not push all other packets onto the socket.
  std::optional<writable_buffer> allocate(std::size_t size_bytes);
  /// Bytes that were made in place (or a slice of them), as a block for the reader: no copy. May be
  /// lent as often as they are sent. Empty where they lie elsewhere.
  std::optional<block> lend(const buffer& b);
  /// Gives back a block that no message names.
  void take_back(const block& b);
  /// Puts a message into the ring and wakes the reader. False: no room.
  bool write(std::span<const std::byte> message);

  std::size_t leased_blocks() const { return leased_.size(); }
  shm_arena& arena() { return *arena_; }

 private:
  /// Where buffers of this process say that they are gone. It is not in the arena: what the peer
  /// writes there must not give away room that is still written here.
  struct returns {
    std::mutex mutex;
    std::vector<std::uint64_t> offsets;
  };
  struct made {
    std::uint64_t room = 0;
    bool held = true;        ///< by buffers of this process
    std::uint32_t lent = 0;  ///< leases on it
  };
  struct lease {
    block where;
    std::uint64_t room = 0;                ///< of its own; none where it is lent
    std::optional<std::uint64_t> of = {};  ///< in made_, where it is lent
  };
  std::optional<std::uint64_t> take_room(std::uint64_t room);
  void reclaim(std::size_t most);
  void reclaim_made();
  void release_made(std::uint64_t offset);
  void release(std::uint64_t offset, std::uint64_t size);
  block note_lease(std::uint64_t offset, std::uint64_t size, std::uint64_t room,
                   std::optional<std::uint64_t> of);

  std::shared_ptr<shm_arena> arena_;
  std::map<std::uint64_t, std::uint64_t> free_;  ///< offset -> size; the lowest is used first
  std::map<std::uint64_t, made> made_;           ///< by offset: what allocate() gave out
  std::uint64_t made_bytes_ = 0;                 ///< room of all of them
  std::shared_ptr<returns> returns_ = std::make_shared<returns>();
  std::vector<lease> leased_;
  std::vector<std::uint32_t> free_leases_;
  std::size_t look_ = 0;  ///< where reclaim() goes on
  std::uint64_t written_ = 0;
};

/// The bytes of a block in a mapped arena, in place; the lease goes back with the last copy of the
/// buffer. Empty where the numbers are impossible. Threads: any.
std::optional<buffer> block_in(const std::shared_ptr<shm_arena>& arena, std::uint32_t lease,
                               std::uint64_t offset_bytes, std::uint64_t size_bytes);

/// The receiving end. It has a thread that sleeps while nothing comes and calls `on_message` for
/// every message; for a short time after one it looks for the next without sleeping.
class shm_reader {
 public:
  /// `came_ns`: when the message was found, monotonic.
  using handler = std::function<void(shm_reader& from, std::span<const std::byte> message,
                                     std::int64_t came_ns)>;
  shm_reader(std::shared_ptr<shm_arena> arena, handler on_message);
  ~shm_reader();  ///< waits for the thread; never from inside `on_message`

  /// The bytes of a block, in place; the lease goes back with the last copy of the buffer, also
  /// after this reader is gone. Empty where the numbers are impossible.
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
  std::int64_t came_ns_ = 0;  ///< when a wait ended with the message that is next; 0: not known
  spin_budget spin_{100'000};
  look_or_sleep choice_{100'000};
  std::thread thread_;
};

}  // namespace hocket::wire
