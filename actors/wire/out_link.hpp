#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "actors/wire/node.hpp"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {

/// Bytes that a packet counts for on the wire: the same number at both ends.
std::size_t cost_bytes(const encoded_packet& p);

/// The sending end of a link: credit, books, and what must be sent again. Pure: no clock, no socket.
///
/// Closed (nothing may be sent) until resume(), and again after disconnected().
/// Threads: one at a time.
class out_link {
 public:
  explicit out_link(const remote_link& options) : options_(options) {}

  /// Whether a packet of this cost may go now. Where there is room for packets at all, one may always
  /// be under way, whatever its size.
  bool has_room(std::size_t cost) const;
  bool is_open() const { return open_; }
  /// Takes a packet into the books; has_room() must hold. Returns its number on the wire.
  std::uint64_t add(const packet_header& header, const encoded_packet& p);

  /// Errors: wire.malformed where the peer confirms what was never sent.
  result<void> ack(const ack_record& a);

  /// The connection is gone; what is on its way is decided when the peer comes back.
  void disconnected() { open_ = false; }
  /// One of the two processes is new: numbering starts afresh before the next resume().
  void reset();

  struct again {
    std::uint64_t seq = 0;
    const encoded_packet* content = nullptr;  ///< valid until the next call
  };
  struct resumption {
    std::optional<gap_record> gap;  ///< to be announced first
    std::vector<again> packets;     ///< to be sent again, in order
  };
  /// The receiver said how far it is. Errors: wire.malformed.
  result<resumption> resume(const resume_record& r);

  /// Counts what is left as dropped; nothing can follow.
  void close();

  /// Notes that a sender was told to wait; true once, from when room came back.
  void wait() { waiting_ = true, ++account_.no_credit; }
  bool stop_waiting();

  std::uint64_t next_seq() const { return next_; }
  const remote_link& options() const { return options_; }
  wire_account account() const;

 private:
  struct entry {
    std::uint64_t session = 0, header_seq = 0;
    std::size_t cost = 0;
    bool was_sent = true;
    std::optional<encoded_packet> kept;  ///< lossless only
  };
  bool lossless() const { return options_.how == delivery::lossless; }
  void release_before(std::uint64_t seq);
  gap_record drop_all();

  remote_link options_;
  std::deque<entry> unconfirmed_;  ///< [first_, next_)
  std::uint64_t first_ = 0, next_ = 0;
  std::uint64_t sent_bytes_ = 0;  ///< of this numbering, as the window counts
  ack_record at_;                 ///< the newest that the receiver told
  std::uint32_t window_packets_ = 0;
  std::uint64_t window_bytes_ = 0;
  bool open_ = false, waiting_ = false;
  wire_account account_;
};

}  // namespace hocket::wire
