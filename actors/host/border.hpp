#pragma once

#include <atomic>
#include <compare>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/host/cell.hpp"
#include "actors/host/transport.hpp"

namespace hocket::host {

/// What of one host's sending keeps its order on the way to another: the packets of a link, its
/// bounds and ends, which follow packets, and other messages (link 0: about the host as a whole).
struct channel {
  enum class lane : std::int64_t { packets, ends, messages };
  std::size_t host = 0;    ///< the other host, as `hosts` of the plan counts them
  std::uint32_t link = 0;  ///< its number on the wire
  lane which = lane::packets;

  /// For a message between hosts: one number, and back. A stranger's number gives a strange channel.
  std::int64_t pack() const;
  static channel unpack(std::int64_t number);
  static lane of(const wire::host_message& m);
  auto operator<=>(const channel&) const = default;
};
/// How much was sent, or has arrived, by channel.
using channel_counts = std::map<channel, std::int64_t>;

/// Something that came off the wire for one crossing link.
struct arrival {
  std::size_t crossing = 0;  ///< in part::crossings
  std::optional<packet> item;
  wire::host_message message;  ///< where there is no item
};

/// The links of this process's part that lead to other processes.
///
/// An *outlet* is the cell at the end of an outgoing link: its queue has the link's declared policy,
/// and it takes a packet only while the wire has room, so that `block` stops the sender and `latest`
/// keeps the newest. An *inlet* is the cell from which the packets of an incoming link come: it
/// gives credit back as soon as its receiver's queue is not full; on a lossless link whose actor
/// takes packets one by one, when that is done with them. Both have the scope of the actor that they
/// stand for.
///
/// Threads: any. Locks: a link's own mutex is never held while a cell is called, and no other lock
/// is taken under it but the transport's. Credit is given back under a cell's mutex.
class border {
 public:
  explicit border(world& w);
  ~border();

  /// Listens; nothing comes or goes before begin().
  result<void> open(wire::node_events& events);
  void begin() { wire_->begin(); }
  /// Ends the transport's threads; nothing arrives any more.
  void close() { wire_.reset(); }
  transport& wire() { return *wire_; }
  /// The graph that peers must have from now on, and the number under which they find it.
  void tell_graph(const std::string& hash, int revision);

  // World: wiring.
  void attach(const std::shared_ptr<cell>& proxy);
  void add_route(const cell& inlet, session_id session, const route& r);
  /// Another receiver behind an inlet; `moved` is called while nothing can arrive.
  void reroute(const cell& inlet, session_id session, const route& r,
               const std::function<void()>& moved);
  /// Makes proxies of this part work: it has the same crossings as the one before.
  void fit(const part& place);
  void remove_session(session_id session);
  /// Lets all cells go.
  void disband();
  /// Takes what the part has no row for out of a snapshot, and adds the wire's rows.
  void add_status(snapshot& s) const;

  // Outlets.
  void send(std::size_t crossing, session_id cell_session, const packet& p);
  /// Room in the memory that the host behind this outlet shares with us; empty where there is none.
  std::optional<writable_buffer> allocate(const cell& outlet, std::size_t size_bytes);
  void send_bound(actor_index outlet, session_id session, timestamp bound);
  void send_control(std::size_t crossing, wire::host_event what, session_id session,
                    std::string detail = {}, bool after_packets = false);
  /// The wire takes packets again.
  void room_again(std::uint32_t wire_link);
  /// Tells a peer that began anew what has ended.
  void repeat_ends(const std::string& peer);

  // Inlets.
  /// The link's number on the wire, or none: a number that is not ours.
  std::optional<std::size_t> find(std::uint32_t wire_link) const;
  std::uint32_t wire_id(std::size_t crossing) const;
  void deliver(arrival&& a);
  /// The peer is gone, or back: its inlets' receivers are told.
  void tell_receivers(const std::string& peer, control::kind what, const std::string& why);

  /// True where a packet waits for the wire, or is on it, on a link to a peer that is there.
  bool anything_under_way() const;
  bool anyone_waits() const;
  /// Packets and messages that went out, by receiver and channel.
  channel_counts sent() const;
  /// Sends and counts; false: the wire does not take it (see wire::node::send_control).
  bool send_message(const std::string& peer, wire::host_message m);

 private:
  struct waiting_outlet {
    std::weak_ptr<cell> proxy;
    std::optional<packet> pending;  ///< taken from the queue, and the wire had no room
  };
  struct half {
    bool late = false;   ///< incoming: see confirms_late(); set once
    std::mutex passing;  ///< incoming: held while something is on its way to the receiver
    mutable std::mutex mutex;
    // outgoing
    std::map<session_id, waiting_outlet> outlets;  ///< by the session of the proxy cell
    std::map<session_id, bool> ended;              ///< sessions whose end was told
    std::uint64_t unfit = 0;
    // incoming
    struct arriving {
      route to;
      std::shared_ptr<cell> proxy;
      bool ended = false;
    };
    std::map<session_id, arriving> routes;
    struct returning {
      std::weak_ptr<cell> proxy;
      std::atomic<std::uint32_t> owed{0};
    };
    std::map<session_id, std::shared_ptr<returning>> credit;  ///< by the proxy's session
  };

  std::size_t crossing_of(actor_index proxy) const;
  bool confirms_late(std::size_t crossing) const;
  bool should_confirm_late(std::size_t crossing) const;
  void confirm_from(std::size_t crossing, input_queue& q);
  bool try_send(std::size_t crossing, const packet& p);
  void deliver_packet(std::size_t crossing, packet&& p);
  void deliver_message(std::size_t crossing, const wire::host_message& m);
  void end_route(std::size_t crossing, session_id session);
  void give_back(std::size_t crossing, half::returning& r);
  void count_sent(const std::string& peer, std::uint32_t link, channel::lane which);
  void send_message_or_stop(std::size_t crossing, wire::host_message m);
  component_type make_type(std::size_t crossing, const component_info& info);
  wire::node_options node_options() const;

  world& world_;
  std::vector<std::unique_ptr<half>> halves_;  ///< by crossing
  std::map<actor_index, std::size_t> by_proxy_;
  std::map<std::uint32_t, std::size_t> by_wire_;
  mutable std::mutex sent_mutex_;  ///< nothing is called under it
  channel_counts sent_;
  std::unique_ptr<transport> wire_;
};

}  // namespace hocket::host
