#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What one process knows of its links to others, and of those.
namespace hocket::wire {

/// What a link promises across a failure; follows from its queue's policy.
enum class delivery : std::uint8_t {
  latest,   ///< what was on its way at a disconnect is dropped, counted and announced as a gap
  bounded,  ///< the same
  lossless,  ///< what the receiver had not consumed at a disconnect is sent again, without duplicates
};

enum class peer_state : std::uint8_t {
  connecting,  ///< not yet, or not again
  up,          ///< handshake done on both lanes
  suspect,     ///< up, but a lane has been silent for half of lost_after_ms
  lost,        ///< was up; a lane fell silent or broke. We try again.
  refused,  ///< a handshake that cannot succeed: other graph, version, key. We try again, slowly.
};
std::string_view to_string(peer_state s);

/// Why the wire dropped a packet that had been taken for sending, or that had arrived.
enum class wire_drop : std::uint8_t {
  disconnected,  ///< on its way when the connection broke (latest, bounded)
  peer_gone,     ///< still unsent or unconfirmed when the node closed
  no_room,       ///< packet_arrived said no
  undecodable,   ///< its bytes made no packet here; unknown payloads of newer releases, too
};
inline constexpr int wire_drop_count = 4;
std::string_view to_string(wire_drop d);

/// One half of a link. Sender: sent = delivered + dropped + in_flight, each counted on its own.
/// Receiver: sent = packets that arrived (each once) = delivered + dropped + in_flight, where
/// delivered = consumed() and in_flight = handed over, not yet consumed.
struct wire_account {
  std::uint32_t id = 0;
  std::string name, peer;
  bool outgoing = false;
  delivery how = delivery::bounded;
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, wire_drop_count> dropped{};
  std::uint64_t in_flight = 0;
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t sent_again = 0;  ///< sender: retransmissions
  std::uint64_t duplicates = 0;  ///< receiver: arrived once more and were left out
  std::uint64_t gaps = 0;        ///< receiver: packets that the sender announced as lost
  std::uint64_t no_credit = 0;   ///< sender: how often it had to wait
  std::uint64_t dropped_total() const;
  bool adds_up() const { return sent == delivered + dropped_total() + in_flight; }
};

/// What is known about a peer's clock: theirs = ours + offset.
struct clock_status {
  std::int64_t offset_ns = 0;
  std::int64_t uncertainty_ns = 0;  ///< the true offset lies within +- this
  double drift_ppm = 0;
  std::uint64_t samples = 0;
  std::uint64_t jumps = 0;  ///< how often one of the two clocks was set
};

struct peer_status {
  std::string name;
  peer_state state = peer_state::connecting;
  std::string reason;
  std::int64_t state_ms = 0;  ///< how long it has been in this state
  std::int64_t rtt_ns = 0;    ///< smallest of the last minute
  clock_status clock;
  std::int64_t control_silent_ms = 0, data_silent_ms = 0;
  /// Of packets, repeats included, over socket and shared memory; what one end counts as out is
  /// what the other counts as in.
  std::uint64_t bytes_out = 0, bytes_in = 0;
  std::uint64_t connects = 0;  ///< successful handshakes
  std::uint64_t incarnation = 0;
  std::uint64_t malformed = 0;  ///< messages of the peer that were none
  bool shared_memory = false;
  std::uint64_t shm_packets = 0;
  std::uint64_t shm_fallbacks = 0;  ///< packets that took the socket because the arena was full
  std::uint64_t shm_in_place = 0;   ///< packets whose bulk bytes were made in the arena: no copy
  std::string shm_reason;           ///< why not, where both are on one machine
};

struct node_status {
  std::vector<wire_account> links;
  std::vector<peer_status> peers;
  std::uint64_t refused = 0;  ///< handshakes of strangers: unknown key, plaintext, garbage
  bool law_holds() const;
};

}  // namespace hocket::wire
