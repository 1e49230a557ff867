#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/host/actor/link_end.hpp"
#include "actors/host/status.hpp"
#include "graph/contract/writable_buffer.hpp"

namespace hocket::host {

enum class end_reason : std::uint8_t;

/// The far side of one link to another host, for the proxy cell that stands in for it here.
///
/// Threads: any. Only allocate() and send_bound() come while packets flow.
class remote_end {
 public:
  virtual ~remote_end() = default;
  /// A proxy begins to stand for this end.
  virtual void attached(const std::shared_ptr<actor_cell>& proxy) = 0;
  /// A proxy that a rewire took out has closed.
  virtual void detached(const actor_cell& proxy) = 0;
  /// What arrives for this session goes there.
  virtual void link_added(const actor_cell& proxy, session_id session, const link_end& to) = 0;
  /// Another queue behind the proxy; `moved` is called while nothing can arrive.
  virtual void rerouted(const actor_cell& proxy, session_id session, const link_end& to,
                        const std::function<void()>& moved) = 0;
  /// Room in the memory that the other host shares with us; empty where there is none.
  virtual std::optional<writable_buffer> allocate(const actor_cell& proxy,
                                                  std::size_t size_bytes) = 0;
  virtual void send_bound(actor_index proxy, session_id session, timestamp bound) = 0;
  /// The host that this proxy sends to is lost: a full queue before it stops nobody. The proxy's mutex
  /// is held.
  virtual bool is_lost(actor_index proxy) const = 0;
};

/// What a run needs of the other hosts of its plan. Without it the run is alone.
///
/// Threads: any. `check` comes from the watcher, `idle_virtual` from the loop of virtual time. No
/// lock of the run is held but where it says so.
class peer_hosts {
 public:
  virtual ~peer_hosts() = default;
  /// Listens; nothing comes or goes before begin(). Errors: wire.*.
  virtual result<void> listen() = 0;
  /// Starts the threads, and the start that all hosts make together.
  virtual void begin() = 0;
  /// Waits until that start is over.
  virtual void join() = 0;
  /// Ends the transport's threads: nothing calls the run any more.
  virtual void close() = 0;
  /// Lets all cells go.
  virtual void detach_all() = 0;
  /// The end that a proxy stands for; nullptr: the actor is no proxy. Topology lock may be held.
  virtual remote_end* end_of(actor_index actor) = 0;

  /// One host, which leads, gives out the numbers of sessions.
  virtual bool leads() const = 0;
  /// Asks it for one. Told once: the session, which has begun here, too, or why there is none.
  virtual void ask_session(std::function<bool(const result<session_id>&)> told) = 0;
  /// The leader opens a session: so do the others, and session_requests::peers_opened() learns how.
  /// `owner`: the host whose component asked for it; "": this one.
  virtual void session_opened(session_id id, const std::string& owner) = 0;
  /// The leader lets it begin, on all hosts.
  virtual void session_started(session_id id) = 0;
  virtual void session_closing(session_id id) = 0;
  virtual void session_removed(session_id id) = 0;
  /// `by`: the actor that interrupts; none: from outside. The session's `interrupting` is held.
  virtual void interrupted(session_id id, epoch_number epoch, std::optional<actor_index> by) = 0;
  /// The run stops. `from_peer`: the others know. Ends all waiting.
  virtual void stopped(end_reason why, const std::string& detail, bool from_peer) = 0;
  /// Every few ms: reports, and decides the end where that is ours to decide.
  virtual void check() = 0;
  /// Virtual time, and no cell is ready: true where it let a timer run.
  virtual bool idle_virtual() = 0;
  /// Rows and names of what crosses to other hosts.
  virtual void add_status(snapshot& s) const = 0;
};

}  // namespace hocket::host
