#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::wire {

/// What carries the packets between the two processes of a measurement.
enum class wire_kind : std::uint8_t {
  shm,              ///< node to node, shared memory, payloads made in it (node::allocate)
  shm_copy,         ///< node to node, shared memory, payloads made elsewhere and copied into it
  tcp,              ///< node to node, loopback, plaintext
  tcp_curve,        ///< node to node, loopback, CURVE
  floor_shm,        ///< shared memory and a futex; the sender copies the payload into it
  floor_unix,       ///< a Unix socket pair
  floor_tcp,        ///< a TCP connection over loopback
  floor_zmq,        ///< a bare ZeroMQ DEALER pair over loopback
  floor_zmq_curve,  ///< the same with CURVE
};
inline constexpr int wire_kind_count = 9;
std::string_view to_string(wire_kind k);

/// Quantiles of one-way times.
struct wire_times {
  std::uint64_t n = 0;
  double avg_us = 0, p50_us = 0, p90_us = 0, p99_us = 0, p999_us = 0;
  static wire_times of(std::vector<std::int64_t> ns);
};

struct wire_result {
  /// Half of a round trip, one packet at a time, as fast as they go. No payload is made while
  /// the clock runs: shm makes a new one for each packet with the clock stopped (finding room for
  /// it counts), all others send the same few again and again.
  wire_times ping;
  wire_times paced;          ///< one way, a packet each ms (above 64 KiB: each 10 ms): all slept
  wire_times make;           ///< shm: how long the clock stood still for this end's payload
  double packets_per_s = 0;  ///< one way, as many as go; shm makes each of them
  double cpu_us_per_packet = 0;  ///< of that, both processes together
  std::uint64_t fallbacks = 0;   ///< shm, shm_copy: packets that took the socket
  std::uint64_t in_place = 0;    ///< shm: packets of which no bulk byte was copied
};

/// Whether nodes of this kind share memory.
inline bool shares_memory(wire_kind k) { return k == wire_kind::shm || k == wire_kind::shm_copy; }

/// Two processes: this one, and another of the same program.
class wire_pair {
 public:
  virtual ~wire_pair() = default;
  /// Starts the other process. Errors: wire.*, or bench.failed.
  static result<std::unique_ptr<wire_pair>> start(wire_kind k);
  /// About `seconds` for each of the three ways.
  virtual wire_result measure(std::size_t size_bytes, double seconds) = 0;
};

/// A process that does nothing but keep a core busy, for as long as this lives.
class busy_core {
 public:
  /// Errors: bench.failed.
  static result<std::unique_ptr<busy_core>> start();
  explicit busy_core(int child) : child_(child) {}
  ~busy_core();
  busy_core(const busy_core&) = delete;
  busy_core& operator=(const busy_core&) = delete;

 private:
  const int child_;
};

/// Environment variable by which the other process learns its part.
inline constexpr const char* wire_end_variable = "HOCKET_WIRE_END";
/// The other process: serves until its parent closes; the exit code.
int serve_wire_end(const std::string& part);

}  // namespace hocket::wire
