// A process group on one machine: numbers go through memory that its processes share. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/parallel/process_group.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// Whoever makes the memory hands its descriptor to the others: children inherit it.
///
/// Who waits looks for what the others wrote for `look_us`, yielding its core, then sleeps. A process that
/// died is noticed within 0.1 s, one that is silent after `patience_ms`. What another process wrote is
/// taken as numbers only: no size or place is read from the memory.
class shared_memory_group final : public process_group {
 public:
  struct options {
    std::size_t numbers_at_once = 1u << 16;  ///< of each process; what is longer goes in parts
    std::int64_t look_us = 200;
    std::int64_t patience_ms = 30'000;
  };
  static constexpr int most = 64;  ///< processes of a group

  /// Memory for a group of `size`; this process is number 0. *Errors* (`parallel.memory`): the system
  /// gives none; (`parallel.bad_group`): a size outside 2 to `most`, or no room for numbers.
  static result<std::unique_ptr<shared_memory_group>> create(int size, options o);
  static result<std::unique_ptr<shared_memory_group>> create(int size) { return create(size, {}); }
  /// Joins as number `rank` by the descriptor of who made it, which stays the caller's. *Errors*
  /// (`parallel.bad_group`): it is no group's memory, or of another version, or the rank is taken or too high.
  static result<std::unique_ptr<shared_memory_group>> join(int descriptor, int rank, options o);
  static result<std::unique_ptr<shared_memory_group>> join(int descriptor, int rank) {
    return join(descriptor, rank, {});
  }
  ~shared_memory_group() override;
  shared_memory_group(const shared_memory_group&) = delete;
  shared_memory_group& operator=(const shared_memory_group&) = delete;

  /// Goes on over exec() only where the caller says so (FD_CLOEXEC is set).
  int descriptor() const { return descriptor_; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_gather(std::span<const float> mine, std::span<const std::size_t> counts,
                  std::span<float> all) override;
  /// Bytes that this process gave to the others so far.
  std::uint64_t given_bytes() const { return given_bytes_; }

 private:
  struct head;
  struct member;
  shared_memory_group(int descriptor, std::byte* memory, std::size_t bytes, options o);
  static std::size_t bytes_of(int size, std::size_t numbers_at_once);
  head& whole() const;
  member& member_of(int rank) const;
  float* slot(int rank, std::uint32_t step) const;
  result<void> take_place(int rank);
  void exchange(std::span<const float> mine, std::span<const std::size_t> counts,
                std::span<const std::size_t> places, std::span<float> all, std::size_t at);
  void wait_for(int rank, std::uint32_t step);
  bool died(int rank);
  [[noreturn]] void lose(int rank, const std::string& why);

  int descriptor_;
  std::byte* memory_;
  std::size_t bytes_;
  options options_;
  int rank_ = 0, size_ = 0;
  std::uint32_t step_ = 0;
  std::uint64_t given_bytes_ = 0;
  bool broken_ = false;
  int watched_
      [most];  ///< descriptors of the others' processes; -1: none yet, -2: the system gives none
};

}  // namespace hocket::engine
