#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/contract/packet.hpp"
#include "graph/contract/port.hpp"
#include "graph/contract/writable_buffer.hpp"
#include "graph/core/clock.hpp"
#include "graph/core/result.hpp"

namespace hocket {

class registry;
namespace trust {
class capability;
}

/// Where a component's packets go. Valid only during the call it was handed to.
///
/// The host fills session, stream, seq, micro_turn, epoch, origin and trace; a component gives the
/// payload and its timestamp. A full downstream queue never fails an emit: with policy `block` the
/// host keeps the packet and does not call the component again until there is room.
class emitter {
 public:
  virtual ~emitter() = default;
  /// Sends to output `port` of the session at hand (the input's session; for shared components that
  /// handle a batch, the session given by `for_session`).
  virtual void emit(std::size_t port, packet p) = 0;
  /// Room for a large payload that goes out of `port` next: where the output's packets go through
  /// memory shared with one other process, in that memory, so that they cross without a copy; else
  /// on the heap. What is made here may go elsewhere too, or nowhere.
  virtual writable_buffer allocate(std::size_t /*port*/, std::size_t size_bytes) {
    return writable_buffer::on_heap(size_bytes);
  }
  /// Raises the session's epoch: everything older is dropped wherever it is queued or playing.
  virtual void interrupt() = 0;
  /// Directs the following emits to another session of this shared component; `none`: to all.
  virtual void for_session(session_id session) = 0;

  template <class T>
  void emit(std::size_t port, timestamp ts, T content) {
    emit(port, make_packet(ts, std::move(content)));
  }
};

/// Lets a thread of the component's own (a tool call, a device callback) come back to the actor:
/// `run(f)` executes f in the actor's context with an emitter, after what is queued. Threads: any.
/// Safe after the actor closed: the call then does nothing and returns false.
class mailbox_handle {
 public:
  virtual ~mailbox_handle() = default;
  virtual bool run(std::function<void(emitter&)> f) = 0;
};

/// Conversations of the run that a component is part of: so a gateway is an ordinary component, of
/// scope `shared`, that emits to each of them with `for_session`.
///
/// Over several hosts the leader decides, and all open and close the same ones. Functions that are
/// handed over run in the actor's context, after what is queued, and not after it closed.
/// Threads: any.
class session_control {
 public:
  virtual ~session_control() = default;
  /// Opens a conversation. `then` runs once: with its id, from when on it takes packets, or with why
  /// there is none.
  /// Errors: sessions.ending (the run is), sessions.refused (what an actor of it said at `open`, the
  /// run's limit, or no host that leads).
  virtual void open(std::function<void(const result<session_id>&, emitter&)> then) = 0;
  /// Ends one in order: sources stop, queues drain, last words. Unknown ones are left alone.
  virtual void close(session_id session) = 0;
  /// What somebody barging in does: raises its epoch, wherever its old packets are queued.
  virtual void interrupt(session_id session) = 0;
  /// `told` runs for each conversation that is over, whoever closed it.
  virtual void on_end(std::function<void(session_id, emitter&)> told) = 0;
};

/// What a component may know of the graph that it is part of. Threads: any.
class graph_view {
 public:
  virtual ~graph_view() = default;
  virtual std::string name() const = 0;
  virtual std::string hash() const = 0;
  /// The whole graph as one file, includes in place and references replaced.
  virtual std::string expanded_yaml() const = 0;
  /// "mic.audio": the output that a packet came out of; "" where its header does not say.
  virtual std::string output_of(const packet_header& header) const = 0;
};

/// What a component may use from its surroundings; stays valid until close() returned.
struct context {
  std::string actor;                      ///< name in the graph file
  session_id session = session_id::none;  ///< none for shared components
  const hocket::clock* time = nullptr;    ///< stream time; may be virtual
  micro_turn_grid grid;
  std::shared_ptr<mailbox_handle> self;
  const registry* types = nullptr;    ///< for tools, sources and planners by name
  const graph_view* graph = nullptr;  ///< none in a harness
  /// Opens and closes conversations; nullptr where the run offers none.
  std::shared_ptr<session_control> sessions = {};
  std::string output_dir = "out";  ///< where a run writes its files
  /// What the actor may reach; see capability_of(). None: a harness, whose test may do everything.
  std::shared_ptr<const trust::capability> may = nullptr;
  /// While a token from here lives, the actor is not drained: for work under way that will still be
  /// told, such as a tool call. The end of a run waits for it, at most its drain limit.
  std::function<std::shared_ptr<const void>()> hold = [] { return nullptr; };
  /// This call works on something that has a limit of its own, such as a tool: the watchdog counts
  /// from here again.
  std::function<void()> still_at_work = [] {};
  std::uint32_t restarts = 0;  ///< lives of this actor before this one
  timestamp began;             ///< after a restart: stream time of its first life
  /// One line for the event log and, if a person watches, the screen. Never speech or transcripts.
  std::function<void(std::string_view message)> log = [](std::string_view) {};
  /// Adds to a named counter of this actor, shown by `hocket top`. Every degraded mode has one.
  std::function<void(std::string_view counter, std::int64_t add)> count =  // not counted by default
      [](std::string_view, std::int64_t) {};
};

/// Packets of one set: of one micro-turn, or of one timestamp (policy `aligned`).
struct bundle {
  session_id session = session_id::none;
  std::int64_t micro_turn = 0;
  timestamp from;  ///< covers [from, to)
  timestamp to;
  epoch_number epoch = 0;
  std::vector<std::vector<packet>> inputs;  ///< by input port; in order of arrival
  std::vector<bool> missing;                ///< by input port: connected, but nothing settled came
};

enum class source_state { more, end_of_stream };

/// One stage of a graph: CAF-free, so that it runs in a harness with a fake clock.
///
/// Threads: all calls of one instance come one after the other, on any thread. An instance may
/// keep packets; it may not keep emitters. A component that waits (device, network, tool) declares
/// `blocking` and gets a thread of its own. An exception or an error is handled by the restart
/// policy of the graph file.
class component {
 public:
  virtual ~component() = default;
  /// Acquires what is needed (device, weights). Called once, downstream actors first.
  virtual result<void> open(const context&) { return {}; }
  /// One packet, with input policy immediate or latest.
  virtual result<void> process(std::size_t /*port*/, const packet&, emitter&) { return {}; }
  /// One set, with input policy aligned or micro_turn. Shared components get the sets of all
  /// sessions that are due at once, in the order of their ids.
  virtual result<void> process_sets(std::span<const bundle>, emitter&) { return {}; }
  /// Sources only: emits what belongs to stream time before `until`. A blocking source waits for
  /// it; with a virtual clock the call makes it at once.
  virtual result<source_state> produce(timestamp /*until*/, emitter&) {
    return source_state::end_of_stream;
  }
  /// At the end of each micro-turn, if the type declares `ticks`.
  virtual result<void> tick(std::int64_t /*micro_turn*/, emitter&) { return {}; }
  /// Control that concerns the component: interrupt, input_lost, input_recovered, end_of_stream
  /// of one input (`port`), played.
  virtual result<void> on_control(std::size_t /*port*/, const packet&, emitter&) { return {}; }
  /// Last words, when every input has drained; upstream first. Always called after open().
  virtual result<void> close(emitter&) { return {}; }
};

enum class instance_scope {
  session,  ///< one instance per conversation
  shared,   ///< one instance; sessions are told apart by the header
};

/// What is known of a component type before any instance exists.
struct component_info {
  std::string type;     ///< "audio.dmel"
  std::string summary;  ///< one sentence
  std::vector<input_port> inputs;
  std::vector<output_port> outputs;
  input_policy policy = input_policy::immediate;  ///< default; the graph file may override
  std::vector<input_policy> policies = {};        ///< others it supports
  instance_scope scope = instance_scope::session;
  bool blocking = false;        ///< may wait: gets a thread of its own
  bool source = false;          ///< produce() makes its packets
  bool ticks = false;           ///< wants tick()
  std::int32_t period_ms = 20;  ///< sources: how often produce() is called
  double latency_ms = 0;        ///< declared: what it adds between input and output
};

/// A registered type: its info and how to make one from a checked config.
struct component_type {
  component_info info;
  std::function<std::unique_ptr<config_base>()> make_config;
  /// `config` came from make_config and was filled by read_config.
  std::function<std::unique_ptr<component>(config_base& config)> make;
};

/// The component_type of a class with a nested `config` struct that has a `visit`, a static
/// `info()` and a constructor from `config`.
template <class Component>
component_type type_of() {
  return {Component::info(), config_maker<Component>(), part_maker<component, Component>()};
}

}  // namespace hocket
