#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "actors/distributed/counted_wire.hpp"
#include "actors/distributed/fwd.hpp"
#include "actors/host/actor/actor_cell.hpp"

namespace hocket::distributed {

/// This process's end of one link that leads to another host. Behind each of its proxies' queues: it
/// takes a packet only while the wire has room, so that `block` stops the sender and `latest` keeps
/// the newest. Of what the wire has no room for it keeps one packet, and closes the proxy's gate.
///
/// Threads: any. Its mutex is never held while a cell is called but for its gate; the transport is
/// called under it.
class remote_sender {
 public:
  remote_sender(graph_run& run, counted_wire& wire, const host_link& link);
  const host_link& link() const { return link_; }

  // The proxy's component.
  /// `from`: the session of the proxy.
  void send(session_id from, const packet& p);
  /// `after_packets`: it keeps its place behind those that were sent before it.
  void send_event(wire::host_event event, bool after_packets = false);
  void send_bound(session_id session, timestamp bound);
  std::optional<writable_buffer> allocate(std::size_t size_bytes);

  // The run: proxies come and go.
  void attach(const std::shared_ptr<actor_cell>& proxy);
  void detach(session_id of_proxy);
  void remove_session(session_id session);
  void detach_all();

  // The wire.
  void room_again();
  /// A lost peer takes nothing: what its queues have no room for stops nobody, see `input_queue`.
  void peer_is_there(bool is_there);
  bool is_peer_lost() const { return is_peer_lost_.load(std::memory_order_acquire); }
  /// A packet was taken from a queue, and the wire has had no room since.
  bool has_kept() const;
  /// Tells a peer that began anew which streams have ended.
  void repeat_ends();

  // Rewire.
  bool in_use() const;
  /// A rewire takes it out: when its last proxy has closed the receiver is told, behind the last
  /// packet.
  void retire(int revision);
  /// The peer begins anew: what was taken out closes.
  void forget_retired();

 private:
  bool try_send(const packet& p);
  void send_message(wire::host_message m);
  void tell_unsendable();
  void finish_if_drained();

  graph_run& run_;
  counted_wire& wire_;
  const host_link link_;
  const std::size_t peer_;  ///< in the plan's `hosts`
  std::atomic<bool> is_peer_lost_{false};
  mutable std::mutex mutex_;
  // --- under mutex_
  struct proxy_state {
    std::weak_ptr<actor_cell> proxy;
    std::optional<packet> kept;  ///< taken from its queue, and the wire had no room
  };
  std::map<session_id, proxy_state> proxies_;
  std::map<session_id, bool> ended_;  ///< sessions whose end was sent
  int retired_ = 0;                   ///< the revision that took it out; 0: it is in use
  bool over_ = false;                 ///< and the receiver was told
  std::uint64_t unsendable_ = 0;      ///< packets that the wire cannot carry
  bool unsendable_told_ = false;
};

}  // namespace hocket::distributed
