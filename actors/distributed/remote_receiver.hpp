#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/distributed/counted_wire.hpp"
#include "actors/distributed/fwd.hpp"
#include "actors/distributed/early_messages.hpp"
#include "actors/host/actor/actor_cell.hpp"

namespace hocket::distributed {

/// How far a host may be ahead with the interruptions of a session.
inline constexpr epoch_number epochs_ahead_max = 1 << 16;

/// This process's end of one link that comes from another host. It puts what arrives into the
/// queues behind its proxies, and gives credit back as soon as they are not full; where it confirms
/// after use, when the actor is done with a packet. What comes before this host takes part, or
/// before the link is in use, waits.
///
/// Threads: any. `passing_` is held from the question whether it waits until the push, so that a
/// rewire can hold it still; the mutex is never held while a cell is called.
class remote_receiver {
 public:
  /// `waits`: nothing is let in before start(). `streams`: see early_messages.
  remote_receiver(graph_run& run, counted_wire& wire, const host_link& link,
                  bool confirms_after_use, bool waits,
                  std::shared_ptr<std::atomic<std::size_t>> streams);
  const host_link& link() const { return link_; }
  bool confirms_after_use() const { return confirms_after_use_; }

  // The wire.
  void arrived(received&& a);
  /// The peer is gone, or back: the receivers of streams that have not ended are told; that it is gone
  /// also those of streams that begin meanwhile.
  void notify(control::kind what, const std::string& why);
  /// Its peer is gone.
  bool is_lost() const;
  /// Whoever takes from it is told something of no conversation.
  void tell_shared(control::kind what, const std::string& why);
  /// This host takes part: what came before is let in, and from here on at once.
  void start();

  // The run: proxies and the queues behind them come and go.
  void attach(const std::shared_ptr<actor_cell>& proxy);
  void detach(const actor_cell& proxy);
  void link_added(const actor_cell& proxy, session_id session, const link_end& to);
  /// `moved` is called while nothing can arrive.
  void rerouted(session_id session, const link_end& to, const std::function<void()>& moved);
  void remove_session(session_id session);
  void detach_all();

  // Rewire.
  bool in_use() const;
  /// A rewire takes it out: it is over when its sender has said so.
  void retire(int revision);
  /// It is retired, and not over: what was sent before may still come.
  bool is_ending() const;
  /// It is retired, and not over: `next`, of the same name, starts then. False: it does not wait.
  bool start_after(const std::shared_ptr<remote_receiver>& next);
  /// start(), and its sender may send.
  void open();
  /// The peer begins anew: what was taken out is over.
  void forget_retired();

 private:
  struct crediting {
    std::weak_ptr<actor_cell> proxy;
    std::atomic<std::uint32_t> due{0};
  };
  bool let_in();
  void deliver(packet&& p);
  std::string why_refused(const packet& p, const link_end& to) const;
  void tell_refused(const std::string& why);
  void deliver(const wire::host_message& m);
  void confirm_from(input_queue& q) const;
  void return_credit(crediting& of) const;
  std::vector<session_id> carried() const;
  void tell(session_id session, const link_end& to, control::kind what, const std::string& why);
  void end_stream(session_id session);
  void on_link_end(std::int64_t revision);
  void end();

  graph_run& run_;
  counted_wire& wire_;
  const host_link link_;
  /// Packets are confirmed when the actor is done with them, not when its queue took them.
  const bool confirms_after_use_;
  std::atomic<bool> told_refused_{false};
  std::mutex passing_;
  // --- under passing_
  bool waits_ = false;
  early_messages early_;
  std::mutex telling_;  ///< before mutex_: what is told of the peer comes in order
  mutable std::mutex mutex_;
  // --- under mutex_
  struct receiving {
    link_end to;
    std::shared_ptr<actor_cell> proxy;
    bool ended = false;
  };
  std::map<session_id, receiving> streams_;
  std::map<session_id, std::shared_ptr<crediting>> credit_;  ///< by the proxy's session
  std::optional<std::string> lost_why_;                      ///< of a peer that is gone
  int retired_ = 0;            ///< the revision that took it out; 0: it is in use
  std::int64_t end_told_ = 0;  ///< by its sender: the revision
  bool over_ = false;
  std::shared_ptr<remote_receiver> next_;  ///< of the same name: nothing is let in there before
};

}  // namespace hocket::distributed
