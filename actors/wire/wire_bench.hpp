#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::wire {

/// What carries the packets between the two processes of a measurement.
enum class wire_kind : std::uint8_t {
  shm,              ///< node to node, shared memory
  tcp,              ///< node to node, loopback, plaintext
  tcp_curve,        ///< node to node, loopback, CURVE
  floor_shm,        ///< shared memory and a futex, one copy
  floor_unix,       ///< a Unix socket pair
  floor_tcp,        ///< a TCP connection over loopback
  floor_zmq,        ///< a bare ZeroMQ DEALER pair over loopback
  floor_zmq_curve,  ///< the same with CURVE
};
inline constexpr int wire_kind_count = 8;
std::string_view to_string(wire_kind k);

/// Quantiles of one-way times.
struct wire_times {
  std::uint64_t n = 0;
  double avg_us = 0, p50_us = 0, p90_us = 0, p99_us = 0, p999_us = 0;
  static wire_times of(std::vector<std::int64_t> ns);
};

struct wire_result {
  wire_times ping;   ///< half of a round trip, one packet at a time, as fast as they go
  wire_times paced;  ///< one way, a packet each ms (above 64 KiB: each 10 ms): everybody slept
  double packets_per_s = 0;      ///< one way, as many as go
  double cpu_us_per_packet = 0;  ///< of that, both processes together
  std::uint64_t fallbacks = 0;   ///< shm: packets that took the socket
};

/// Two processes: this one, and another of the same program.
class wire_pair {
 public:
  virtual ~wire_pair() = default;
  /// Starts the other process. Errors: wire.*, or bench.failed.
  static result<std::unique_ptr<wire_pair>> start(wire_kind k);
  /// About `seconds` for each of the three ways.
  virtual wire_result measure(std::size_t size_bytes, double seconds) = 0;
};

/// Environment variable by which the other process learns its part.
inline constexpr const char* wire_end_variable = "HOCKET_WIRE_END";
/// The other process: serves until its parent closes; the exit code.
int serve_wire_end(const std::string& part);

}  // namespace hocket::wire
