#pragma once

#include <span>
#include <string_view>

#include "graph/contract/component.hpp"
#include "graph/core/clock.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::host {

/// What a call into a component was for.
enum class call_kind : std::uint8_t { open, packet, sets, produce, tick, control, task, close };
std::string_view to_string(call_kind kind);

/// A packet that was handed over in a call.
struct call_input {
  std::size_t port = 0;
  const packet_header* header = nullptr;  ///< valid during `called`
  std::int64_t queued_ns = 0;             ///< monotonic: when it came into the queue
};

/// One call into a component, when it is over. Times are monotonic_ns() of this process.
struct call_record {
  actor_index actor = 0;
  session_id session = session_id::none;  ///< none: of a shared actor, for none or for several
  call_kind what = call_kind::packet;
  bool failed = false;
  std::int64_t began_ns = 0;
  std::int64_t ended_ns = 0;
  std::int64_t micro_turn = -1;        ///< sets and ticks: which one
  std::span<const call_input> inputs;  ///< valid during `called`
  // What it takes to make the same call again; valid during `called`.
  std::uint64_t life = 0;  ///< of which instance of the actor: counts up over the run
  timestamp at;            ///< stream time at which it began
  epoch_number epoch = 0;  ///< of what it emitted; sets have their own
  std::span<const timestamp> clock_said = {};  ///< each answer to a question for the time
  std::span<const bundle> sets = {};           ///< of `sets`
  const packet* message = nullptr;             ///< of `packet` and `control`
  std::size_t message_port = 0;
};

/// The graph that a run goes on with after a rewire. The plans stay valid until the run is over,
/// but `file`, which does during the call.
struct graph_revision {
  const plan& graph;  ///< this process's part; numbers of before mean what they meant
  const plan& whole;  ///< all hosts' parts, under the same numbers
  const plan& file;   ///< what the new file says, under its own numbers
  int number = 0;     ///< the one a run starts with is 1
  timestamp from;     ///< the boundary at which it takes over
};

/// What a run tells whoever watches it. Calls come from any thread, one at a time; they must be
/// quick. `packet_emitted` sees every packet that leaves an actor (also on unconnected outputs).
class observer {
 public:
  virtual ~observer() = default;
  /// Before anything runs. The plan and the clock of stream time stay valid until the run is over.
  virtual void started(const plan&, const clock&) {}
  virtual void packet_emitted(const plan&, actor_index /*actor*/, std::size_t /*port*/,
                              const packet&) {}
  /// What an actor tells of its stream besides packets, as a control payload with session and ts:
  /// `bound`, `end_of_stream` and, with port 0 and the new epoch as value, `interrupt`.
  virtual void marked(const plan&, actor_index /*actor*/, std::size_t /*port*/, const packet&) {}
  /// Life-cycle events (started, restarted, hung, input_lost, interrupted, end_of_stream, …).
  virtual void event(timestamp, std::string_view /*actor*/, std::string_view /*what*/,
                     std::string_view /*detail*/) {}
  /// A session is gone: nothing of it follows. What is kept of it can go.
  virtual void session_closed(session_id) {}
  /// The run goes on with another plan.
  virtual void rewired(const graph_revision&) {}
  /// Asked once, when the run starts: only observers that want calls get them, and only then do
  /// they cost anything.
  virtual bool wants_calls() const { return false; }
  virtual void called(const plan&, const call_record&) {}
};

}  // namespace hocket::host
