#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "actors/wire/node.hpp"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {

/// The receiving end of a link: order, duplicates, credit, books. Pure: no clock, no socket.
///
/// Packets may come over two ways (socket and shared memory) and overtake each other there; they
/// are handed on in order. Threads: one at a time.
class in_link {
 public:
  explicit in_link(const remote_link& options)
      : options_(options), credit_packets_(options.credit_packets) {}

  /// Until open() the sender is told nothing and may send nothing: it may not know the link yet.
  void hold() { open_ = false; }
  void open() { open_ = true; }
  bool is_open() const { return open_; }
  /// The graph has this link no more: what is on its way still comes. A new process of the peer
  /// does not know it, and is told nothing.
  void retire() { retired_ = true; }
  /// New options; or the link is back after it was retired. More room is granted at once; less,
  /// when one of the two processes begins anew.
  void change(const remote_link& options);

  /// A packet as it came, its bulk frames found.
  struct received_packet {
    std::uint64_t seq = 0;
    encoded_packet content;
  };
  /// Appends to `ready` what can be handed on now: nothing for a duplicate or one that waits for an
  /// earlier one. Errors: wire.malformed where the sender went beyond its credit.
  result<void> arrived(received_packet a, std::vector<received_packet>& ready);
  /// The sender announced a loss. Errors: wire.malformed where it does not begin where we are.
  result<void> gap(const gap_record& g, std::vector<received_packet>& ready);

  /// What became of a packet that arrived() handed on; taken() or dropped() for each.
  void taken(std::size_t cost);
  /// The last taken() was premature: the host had no room after all.
  void untaken(wire_drop why);
  void dropped(std::size_t cost, wire_drop why);
  /// Packets left the queue. Counts beyond what was taken are left out (and returned).
  std::uint32_t consumed(std::uint32_t packets);

  void disconnected() { waiting_.clear(), waiting_bytes_ = 0; }
  /// One of the two processes is new: numbering starts afresh. What was taken and is not consumed
  /// yet stays in the books and goes on taking its room: the new numbering is granted what is left,
  /// and more as that is consumed.
  void reset();

  /// The sender should hear of our progress now: a quarter of its room came back.
  bool ack_due() const;
  /// There is progress that was not told yet.
  bool ack_pending() const;
  /// Marks it as told.
  ack_record ack();
  resume_record resume();

  std::uint64_t next_seq() const { return next_; }
  const remote_link& options() const { return options_; }
  wire_account account() const;
  /// Retired, and never used: not worth a row.
  bool is_void() const { return retired_ && account_.sent == 0; }

 private:
  struct held {
    std::size_t cost = 0;
    std::uint64_t numbering = 0;
  };
  void accept(received_packet&& a, std::vector<received_packet>& ready);
  void release(std::size_t cost);
  void settle(const held& h);
  std::uint32_t window_packets() const;
  std::uint64_t window_bytes() const;

  remote_link options_;
  std::uint32_t credit_packets_;  ///< in this numbering: never less than it was
  bool open_ = true, retired_ = false;
  std::uint64_t next_ = 0;            ///< first number that is missing
  std::uint64_t received_bytes_ = 0;  ///< of this numbering, gaps included
  std::map<std::uint64_t, received_packet> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::deque<held> queued_;  ///< taken, not consumed
  std::uint64_t numbering_ = 0;
  std::uint64_t consumed_ = 0, consumed_bytes_ = 0;
  std::uint64_t old_packets_ = 0, old_bytes_ = 0;  ///< of queued_, of numberings before this one
  bool resumed_whole_ = true;                      ///< all room was granted when it resumed
  ack_record granted_;  ///< with the room granted so far; none before resume()
  wire_account account_;
};

}  // namespace hocket::wire
