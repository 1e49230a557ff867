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

/// The sending end of a link: credit, books, and what must be sent again. Pure: no clock, no
/// socket.
///
/// Closed (nothing may be sent) until resume(), and again after disconnected().
///
/// What was sent on a lossless link is kept until the receiver has consumed it, everything else
/// until it has arrived. A link may change its promise: it holds for what is sent from then on.
///
/// Threads: one at a time.
class out_link {
 public:
  explicit out_link(const remote_link& options) : options_(options) {}

  /// Whether a packet of this cost may go now. Where there is room for packets at all, one may
  /// always be under way, whatever its size.
  bool has_room(std::size_t cost) const;
  bool is_open() const { return open_; }
  /// Takes a packet into the books; has_room() must hold. Returns its number on the wire.
  std::uint64_t add(const packet_header& header, encoded_packet p);

  /// Errors: wire.malformed where the peer confirms what was never sent.
  result<void> ack(const ack_record& a);

  /// The connection is gone; what is on its way is decided when the peer comes back.
  void disconnected() { open_ = false; }
  /// The graph has this link no more: its last packets are sent and delivered like any. But a new
  /// process of the peer does not know it: what that one would have to be sent is dropped.
  void retire() { retired_ = true; }
  /// New options: another promise, or the link is back after it was retired. Numbers go on.
  void change(const remote_link& options);
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
  /// What a later confirmation gave room for of that which must be sent again: a receiver may come
  /// back with less room than it had. Nothing new goes before it.
  std::vector<again> take_again();

  /// Counts what is left as dropped; nothing can follow.
  void close();

  /// Notes that a sender was told to wait; true once, from when room came back.
  void wait() { waiting_ = true, ++account_.no_credit; }
  bool stop_waiting();

  std::uint64_t next_seq() const { return next_; }
  const remote_link& options() const { return options_; }
  wire_account account() const;
  /// Retired, and never used: not worth a row.
  bool is_void() const { return retired_ && account_.sent == 0; }

 private:
  struct entry {
    std::uint64_t session = 0, header_seq = 0;
    std::size_t cost = 0;
    std::optional<encoded_packet> kept;  ///< sent while the link was lossless
  };
  bool lossless() const { return options_.how == delivery::lossless; }
  void release_confirmed();
  bool fits(std::uint64_t packets, std::uint64_t bytes, std::size_t cost) const;
  gap_record drop_unkept();

  remote_link options_;
  std::deque<entry> unconfirmed_;  ///< [first_, next_); those that are kept come last
  std::uint64_t first_ = 0, next_ = 0;
  std::uint64_t sent_bytes_ = 0;   ///< of this numbering, as the window counts
  std::uint64_t again_ = 0;        ///< [again_, next_) must be sent again on this connection
  std::uint64_t again_bytes_ = 0;  ///< sent_bytes_ without those
  ack_record at_;                  ///< the newest that the receiver told
  std::uint32_t window_packets_ = 0;
  std::uint64_t window_bytes_ = 0;
  bool open_ = false, waiting_ = false, retired_ = false;
  wire_account account_;
};

}  // namespace hocket::wire
