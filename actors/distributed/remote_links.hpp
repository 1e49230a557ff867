#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/distributed/early_messages.hpp"
#include "actors/distributed/fwd.hpp"
#include "actors/distributed/options.hpp"
#include "actors/distributed/transport.hpp"
#include "actors/host/peer_hosts.hpp"
#include "graph/spec/rewire.hpp"

namespace hocket::distributed {

/// The links of this process's part that lead to other processes.
///
/// A *remote sender* is the cell at the end of an outgoing link: its queue has the link's declared
/// policy, and it takes a packet only while the wire has room, so that `block` stops the sender and
/// `latest` keeps the newest. A *remote receiver* is the cell from which the packets of an incoming
/// link come: it gives credit back as soon as its receiver's queue is not full; on a lossless link
/// whose actor takes packets one by one, when that is done with them. Both have the scope of the
/// actor that they stand for.
///
/// A rewire adds, changes and takes out links in steps: prepare() makes new ones known to the wire,
/// and abort() undoes that; install() wires them up; activate_new() lets their packets in; retire()
/// lets the old ones end, each with a `link end` of its sender behind its last packet.
///
/// Threads: any; the steps of a rewire one at a time. Locks: a link's own mutex is never held while
/// a cell is called, and no other lock is taken under it but the transport's. Credit is given back
/// under a cell's mutex.
class remote_links final : public remote_end {
 public:
  remote_links(graph_run& run, const host_options& mine);
  ~remote_links() override;

  /// Listens; nothing comes or goes before begin().
  result<void> open(wire::node_events& events);
  void begin() { wire_->begin(); }
  /// Ends the transport's threads; nothing arrives any more.
  void close() { wire_.reset(); }
  transport& wire() { return *wire_; }
  /// The graph that peers must have from now on, and the number under which they find it.
  void set_graph(const std::string& hash, int revision);
  /// Decided: the graph at a boundary that is not reached yet; "": the one it has, after all.
  void set_next_graph(const std::string& hash);

  // The run: cells and links.
  void attached(const std::shared_ptr<actor_cell>& proxy) override;
  void detached(const actor_cell& proxy) override;
  void link_added(const actor_cell& proxy, session_id session, const link_end& to) override;
  void rerouted(const actor_cell& proxy, session_id session, const link_end& to,
                const std::function<void()>& moved) override;
  bool knows(actor_index proxy) const { return links().by_proxy.contains(proxy); }
  void remove_session(session_id session);
  /// Lets all cells go.
  void detach_all();
  /// Takes what this process never ran out of a snapshot, names links by their hosts, and adds the
  /// wire's rows.
  void add_status(snapshot& s) const;

  // Rewire: border_rewire.cpp.
  /// Errors: wire.bad_option; nothing is left of it then.
  result<void> prepare(const host_plan& next);
  void abort();
  /// Makes proxies of this part work. All that prepare() made is in use from here on.
  void install(const host_plan& local);
  /// What the new plan has no more ends; links whose queue changed are changed at the wire.
  void retire(const rewire_plan& what, int revision);
  /// After retire(): packets may come over what is new, and what came early is delivered.
  void activate_new();
  /// The peer begins anew: what a rewire took out has ended.
  void forget_retired(const std::string& peer);

  // Sending.
  struct half;
  void send(half& h, session_id cell_session, const packet& p);
  std::optional<writable_buffer> allocate(const actor_cell& proxy, std::size_t size_bytes) override;
  void send_bound(actor_index proxy, session_id session, timestamp bound) override;
  void send_event(half& h, wire::host_event event, bool after_packets = false);
  /// The wire takes packets again.
  void room_again(std::uint32_t wire_link);
  /// Tells a peer that began anew what has ended.
  void repeat_ends(const std::string& peer);

  // Receiving.
  /// The link of a number on the wire; nullptr: it is not ours. Stays valid.
  const host_link* find(std::uint32_t wire_link) const;
  /// To its receiver, or where it waits for it; no lock but that of the link. False: not ours.
  bool deliver(received&& a);
  /// This host takes part: what came before is delivered, and from here on at once.
  void start_all();
  /// The peer is gone, or back: the receivers of its links are notified.
  void notify_receivers(const std::string& peer, control::kind what, const std::string& why);

  /// True where a packet waits for the wire, or is on it, on a link to a peer that is there.
  bool anything_under_way() const;
  bool anyone_waits() const;
  /// Packets and messages that went out, by receiver and channel.
  channel_counts sent() const;
  /// Sends and counts; false: the wire does not take it (see wire::node::send_control).
  bool send_message(const std::string& peer, wire::host_message m);

 private:
  using half_ptr = std::shared_ptr<half>;
  /// Never changed once it is in use; whoever reads the one before may go on doing so.
  struct table {
    std::map<std::uint32_t, half_ptr> by_wire;
    std::map<actor_index, half_ptr> by_proxy;
  };
  const table& links() const { return *links_.load(std::memory_order_acquire); }
  half* find_half(std::uint32_t wire_link) const;
  half& half_of(const actor_cell& proxy) const { return *links().by_proxy.at(proxy.actor()); }
  void use_table(std::unique_ptr<table> t);
  half_ptr make_half(const host_plan& local, const host_link& c) const;
  void give_component(component_type& proxy, half& h);
  void confirm_from(const half& h, input_queue& q);
  bool try_send(half& h, const packet& p);
  void notify_unsendable(half& h);
  void deliver_packet(half& h, packet&& p);
  void deliver_message(half& h, const wire::host_message& m);
  void end_link(half& h, session_id session);
  void return_credit(const half& h, std::atomic<std::uint32_t>& credit_due);
  void send_link_end(half& h);
  void on_link_end(half& h, std::int64_t revision);
  void end_receivers(half& h);
  void start_delivering(half& h);
  bool deliver_early(half& h);  ///< `passing` is held; false: nothing waited
  void count_sent(const std::string& peer, std::uint32_t link, wire::channel_kind which);
  void send_message_or_stop(half& h, wire::host_message m);
  wire::remote_link link_options(const host_plan& local, const half& h) const;
  wire::node_options node_options() const;

  graph_run& run_;
  const host_options& mine_;
  std::vector<std::unique_ptr<const table>> tables_;
  std::atomic<const table*> links_{nullptr};
  /// Of the streams that early messages are about, in all links.
  const std::shared_ptr<std::atomic<std::size_t>> early_streams_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  std::vector<half_ptr> prepared_;
  const table* first_ = nullptr;                ///< of the plan that the run began with
  const table* before_ = nullptr;               ///< without those
  std::vector<bool> actors_here_, links_here_;  ///< now or before a rewire
  mutable std::mutex here_mutex_;
  mutable std::mutex sent_mutex_;  ///< nothing is called under it
  channel_counts sent_;
  std::unique_ptr<transport> wire_;
};

/// This process's end of one link between hosts.
struct remote_links::half {
  half(const host_link& c, bool after_use, std::shared_ptr<std::atomic<std::size_t>> streams)
      : what(c), confirms_after_use(after_use), early(std::move(streams)) {}

  const host_link what;
  /// Incoming: packets are confirmed when the actor is done with them, not when its queue took
  /// them.
  const bool confirms_after_use;
  std::mutex passing;  ///< incoming: held while something is on its way to the receiver
  /// Under `passing`: what comes waits in `early`, because this host does not take part yet, or
  /// because the link is not in use yet.
  bool buffering = false;
  early_messages early;  ///< under `passing`

  mutable std::mutex mutex;
  // --- under mutex
  int retired = 0;  ///< the revision that took it out; 0: it is in use
  bool link_ended = false;
  // outgoing
  struct sending {
    std::weak_ptr<actor_cell> proxy;
    std::optional<packet> pending;  ///< taken from the queue, and the wire had no room
  };
  std::map<session_id, sending> senders;  ///< by the session of the proxy cell
  std::map<session_id, bool> ended;       ///< sessions whose end was sent
  std::uint64_t unsendable = 0;           ///< packets that the wire cannot carry
  bool unsendable_told = false;
  // incoming
  std::int64_t link_end_revision = 0;  ///< its sender said so: the revision
  std::shared_ptr<half>
      successor;  ///< of the same name: nothing is let in there before this is over
  struct receiving {
    link_end to;
    std::shared_ptr<actor_cell> proxy;
    bool ended = false;
  };
  std::map<session_id, receiving> link_ends;
  struct crediting {
    std::weak_ptr<actor_cell> proxy;
    std::atomic<std::uint32_t> credit_due{0};
  };
  std::map<session_id, std::shared_ptr<crediting>> credit;  ///< by the proxy's session
};

}  // namespace hocket::distributed
