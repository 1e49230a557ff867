#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/process/frame.hpp"
#include "actors/wire/shm_channel.hpp"
#include "graph/contract/packet.hpp"
#include "graph/core/result.hpp"

namespace hocket::process {

/// Room that each direction has for bulk bytes; memory is taken as it is used.
inline constexpr std::size_t arena_bytes = std::size_t{96} << 20;
/// Smaller bulks travel inside their frame: a copy costs less than a lease.
inline constexpr std::size_t inside_most = 4096;

/// Packets to frames and back, with their bulk bytes in memory of both processes.
///
/// Bytes that were made with `allocate` cross without a copy, and so do bytes that the other side
/// lent and that come back; any others are copied once. Where the memory is full they travel inside
/// the frame. Threads: one at a time, but for allocate().
class channel {
 public:
  /// `out`: written here; `in`: written by the other side.
  channel(std::shared_ptr<wire::shm_arena> out, std::shared_ptr<wire::shm_arena> in)
      : writer_(std::move(out)), in_(std::move(in)) {}

  /// Errors: as wire::encode, process.too_many_bulks; nothing was added then.
  result<void> append(std::string& out, frame_head head, const packet& p);
  /// Errors: as wire::decode, process.malformed (bulks that lie nowhere).
  result<packet> take(const frame& f);
  std::optional<writable_buffer> allocate(std::size_t size_bytes);
  /// Blocks of the other side that this one still knows.
  std::size_t known_blocks() const { return taken_.size(); }

 private:
  struct block {
    std::uint32_t lease = 0;
    std::uint64_t offset = 0, size = 0;
    buffer bytes;  ///< what was lent; empty where the other side lent it
  };
  bulk_place place(const buffer& b);
  std::optional<bulk_place> give_back(const buffer& b);
  result<buffer> find(const bulk_place& at, std::span<const std::byte> inside);
  void forget_returned();

  std::mutex mutex_;  ///< writer_
  wire::shm_writer writer_;
  std::shared_ptr<wire::shm_arena> in_;
  std::vector<block> lent_;   ///< to the other side, which has them still
  std::vector<block> taken_;  ///< of the other side, and shown by buffers here still
};

}  // namespace hocket::process
