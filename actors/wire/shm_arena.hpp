#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "graph/core/result.hpp"

namespace hocket::wire {

/// Memory that two processes of one machine share, for the packets of one direction:
/// a header, a word per lease, a ring of messages and a heap of bulk blocks.
///
/// The writer makes a file for it, readable by its own user only, and unlinks it as soon as the
/// reader has mapped it, so that nothing stays behind when both die. A file whose maker died before
/// that is found by its name (process id and start time) and removed by the next node that starts.
class shm_arena {
 public:
  static constexpr std::uint32_t lease_count = 1024;
  static constexpr std::size_t ring_bytes = 1u << 20;

  /// What lies at the start of the memory. The other process can write anything into it at any
  /// time: every number that is read from here is checked against our own.
  struct header {
    std::array<char, 8> magic;
    std::uint64_t total_bytes;
    std::array<std::uint8_t, 32> secret;
    alignas(64) std::atomic<std::uint64_t> written;  ///< bytes put into the ring so far; writer
    alignas(64) std::atomic<std::uint64_t> read;     ///< bytes taken out; reader
    alignas(64) std::atomic<std::uint32_t> asleep;   ///< futex: 1 while the reader waits
    std::atomic<std::uint32_t> closed;               ///< the writer is done
    alignas(
        64) std::array<std::atomic<std::uint32_t>, lease_count> leases;  ///< 1 = the reader has it
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  /// Pages of the heap that are taken at once.
  static constexpr std::size_t step_bytes = 1u << 20;

  /// Makes one in `folder`. `size_bytes`: heap and all. It is reserved; memory is taken for the ring and
  /// the first step of the heap, and for more of it by reach(). Errors: wire.no_shared_memory.
  static result<std::shared_ptr<shm_arena>> create(const std::string& folder,
                                                   std::size_t size_bytes);
  /// Maps another process's, its heap for reading only. Only a file of our own user, of the very
  /// size, in `folder`.
  static result<std::shared_ptr<shm_arena>> open(const std::string& folder, const std::string& file,
                                                 std::size_t size_bytes);
  /// The same without a name, for a process that is handed its descriptors: nobody can shrink it, and
  /// who gets the heap to read alone can never write to it. Errors: wire.no_shared_memory.
  struct files;
  static result<files> make_files(std::size_t size_bytes);
  /// Maps them; `writes`: the heap is ours to fill. The descriptors stay the caller's.
  static result<std::shared_ptr<shm_arena>> map_files(int head, int heap, std::size_t size_bytes,
                                                      bool writes);
  ~shm_arena();
  shm_arena(const shm_arena&) = delete;
  shm_arena& operator=(const shm_arena&) = delete;

  /// Removes the name; both mappings live on.
  void unlink();
  /// Whoever made it: takes memory up to `heap_end` bytes of the heap. False: there is none left, and
  /// nothing beyond what is reached may be touched. One thread at a time.
  bool reach(std::size_t heap_end);
  /// How much of the heap has memory.
  std::size_t reached_bytes() const { return reached_; }
  const std::string& file() const { return file_; }
  std::size_t size_bytes() const { return size_; }
  std::string secret() const;

  header& head() const { return *reinterpret_cast<header*>(base_); }
  std::byte* ring() const { return base_ + ring_offset(); }
  std::byte* heap() const { return base_ + ring_offset() + ring_bytes; }
  std::size_t heap_bytes() const { return size_ - ring_offset() - ring_bytes; }

  static std::size_t ring_offset() { return (sizeof(header) + 4095) / 4096 * 4096; }
  static std::size_t least_bytes() { return ring_offset() + ring_bytes + 65536; }

 private:
  shm_arena(std::string file, std::byte* base, std::size_t size, int fd)
      : file_(std::move(file)), base_(base), size_(size), ours_(fd >= 0), fd_(fd) {
    heap_at_ = static_cast<std::size_t>(heap() - base_);
  }

  std::string file_;
  std::byte* base_;
  std::size_t size_;
  bool ours_;                ///< the name is still there and we made it
  int fd_;                   ///< where we made it; -1
  std::size_t heap_at_ = 0;  ///< where the heap begins in the file of fd_
  std::size_t reached_ = 0;
};

/// Descriptors of an arena without a name; closed with the object.
struct shm_arena::files {
  files() = default;
  files(files&& o) noexcept
      : head(std::exchange(o.head, -1)),
        heap(std::exchange(o.heap, -1)),
        heap_to_read(std::exchange(o.heap_to_read, -1)) {}
  ~files();
  int head = -1, heap = -1, heap_to_read = -1;
};

/// Identifies this boot of this machine; "" where the kernel does not tell.
std::string boot_id();
/// Removes the arenas in a folder whose makers no longer run; returns how many.
int remove_stale_arenas(const std::string& folder);

/// Waits until `word` is no longer `value` or the other side wakes us; at most limit_ns. Across
/// processes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t limit_ns);
void futex_wake(std::atomic<std::uint32_t>& word);

}  // namespace hocket::wire
