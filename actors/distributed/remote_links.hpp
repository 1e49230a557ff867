#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/distributed/fwd.hpp"
#include "actors/distributed/options.hpp"
#include "actors/distributed/remote_receiver.hpp"
#include "actors/distributed/remote_sender.hpp"
#include "actors/distributed/transport.hpp"
#include "actors/host/peer_hosts.hpp"
#include "graph/spec/rewire.hpp"

namespace hocket::distributed {

/// The links of this process's part that lead to other processes: which there are, by their numbers
/// on the wire and by the proxies that stand for them. What flows over one is the business of its
/// remote_sender or remote_receiver.
///
/// A rewire adds, changes and takes out links in steps: prepare() makes new ones known to the wire,
/// and abort() undoes that; install() wires them up; activate_new() lets their packets in; retire()
/// lets the old ones end, each with a `link end` of its sender behind its last packet.
///
/// Threads: any; the steps of a rewire one at a time.
class remote_links final : public remote_end {
 public:
  remote_links(graph_run& run, const host_options& mine);
  ~remote_links() override;

  /// Listens; nothing comes or goes before begin().
  result<void> open(wire::node_events& events);
  void begin() { wire().begin(); }
  /// Ends the transport's threads; nothing arrives any more.
  void close() { wire_.close(); }
  transport& wire() { return wire_.wire(); }
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

  // Rewire: link_changes.cpp
  /// Errors: wire.bad_option; nothing is left of it then.
  result<void> prepare(const host_plan& next);
  void abort();
  /// Makes proxies of this part work. All that prepare() made is in use from here on.
  void install(const host_plan& local);
  /// What the new plan has no more ends; links whose queue changed are changed at the wire.
  void retire(const rewire_plan& what, int revision);
  /// After retire(): packets may come over what is new, and what came early is delivered.
  void activate_new();
  /// A link from this actor, of another host, was taken out and has not ended: packets may come.
  bool may_still_come_from(actor_index actor) const;
  /// The peer begins anew: what a rewire took out has ended.
  void forget_retired(const std::string& peer);

  // Sending.
  std::optional<writable_buffer> allocate(const actor_cell& proxy, std::size_t size_bytes) override;
  void send_bound(actor_index proxy, session_id session, timestamp bound) override;
  bool is_lost(actor_index proxy) const override;
  /// Whoever waits for room on the way to a lost peer goes on, until it is there again.
  void peer_is_there(const std::string& peer, bool is_there);
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
  /// The peer is gone, or back: the receivers of its links are notified; where it was the last of several
  /// replicas, or is the first again, also those for whom no conversation has begun.
  void notify_receivers(const std::string& peer, control::kind what, const std::string& why);

  /// True where a packet waits for the wire, or is on it, on a link to a peer that is there.
  bool anything_under_way() const;
  bool anyone_waits() const;
  /// Packets and messages that went out, by receiver and channel.
  channel_counts sent() const { return wire_.sent(); }
  /// Sends and counts; false: the wire does not take it (see wire::node::send_control).
  bool send_message(const std::string& peer, wire::host_message m);

 private:
  /// Never changed once it is in use; whoever reads the one before may go on doing so.
  struct table {
    std::map<std::uint32_t, std::shared_ptr<remote_sender>> senders;  ///< by number on the wire
    std::map<std::uint32_t, std::shared_ptr<remote_receiver>> receivers;
    std::map<actor_index, std::uint32_t> by_proxy;
  };
  const table& links() const { return *links_.load(std::memory_order_acquire); }
  remote_sender* sender(std::uint32_t wire_link) const;
  remote_receiver* receiver(std::uint32_t wire_link) const;
  remote_sender* sender_of(actor_index proxy) const { return sender(links().by_proxy.at(proxy)); }
  remote_receiver* receiver_of(const actor_cell& proxy) const {
    return receiver(links().by_proxy.at(proxy.id().actor));
  }
  void use_table(std::unique_ptr<table> t);
  /// Puts this host's end of a link into the table. `waits`: see remote_receiver.
  void add_to(table& t, const host_plan& local, const host_link& c, bool waits);
  void tell_of_replicas(const std::string& why);
  void give_component(component_type& proxy, std::uint32_t wire_link);
  wire::remote_link options_of(const host_plan& local, const host_link& c) const;
  wire::remote_link options_of(const host_plan& local, const host_link& c,
                               bool confirms_after_use) const;
  wire::node_options node_options() const;

  graph_run& run_;
  const host_options& mine_;
  counted_wire wire_;
  std::vector<std::unique_ptr<const table>> tables_;
  std::atomic<const table*> links_{nullptr};
  /// Of the streams that early messages are about, in all links.
  const std::shared_ptr<std::atomic<std::size_t>> early_streams_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  std::vector<host_link> prepared_;  ///< made known to the wire, not in use yet
  const table* first_ = nullptr;     ///< of the plan that the run began with
  const table* before_ = nullptr;    ///< without those
  /// Inputs that take from replicas of which none is left: receiver, port, family.
  std::set<std::tuple<actor_index, std::size_t, std::string>> unserved_;
  std::mutex unserved_mutex_;                   ///< what is told of them comes in order
  std::vector<bool> actors_here_, links_here_;  ///< now or before a rewire
  mutable std::mutex here_mutex_;
};

}  // namespace hocket::distributed
