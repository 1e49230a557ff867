#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::host {

/// Times of one hop, sorted; what `hocket bench hop` prints.
struct hop_times {
  std::vector<std::int64_t> ns;
  double quantile_us(double q) const;
};

/// How packets reach their receiver.
enum class hop_kind : std::uint8_t {
  pool,     ///< from one pooled actor to another: the receiver runs next on the same worker
  wake,     ///< from a thread of its own (a device) to a pooled actor that sleeps
  condvar,  ///< floor: a queue with mutex and condition variable between two threads
  caf,      ///< floor: a bare CAF send between two pooled actors, the receiver sleeps
};

/// Paced hops: one packet each half millisecond, all idle in between. From the emit to the
/// first line of the receiver, with accounting and tracing on (not the floors).
/// `pinned`: sender and receiver each on a core of their own.
hop_times measure_hops(hop_kind kind, std::size_t size_bytes, bool pinned, int packets);

/// A source with a thread of its own and pooled actors behind it, `actors` in all, queues `block`.
struct chain_speed {
  double packets_per_s = 0;
  double cpu_ns_per_packet = 0;  ///< all threads together: hardly depends on what else computes
};
chain_speed measure_chain(int actors, double seconds);

/// 4 MiB to 8 receivers: bytes copied anywhere, and whether all saw the same memory.
struct fan_out {
  std::uint64_t copies = 0;
  bool same_memory = false;
  std::uint64_t packets = 0;
};
fan_out measure_fan_out(int packets);

}  // namespace hocket::host
