#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/host/duration_buckets.hpp"
#include "actors/host/transport.hpp"
#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::host {

/// Why a packet was not delivered. Every drop has exactly one reason.
enum class drop_reason : std::uint8_t {
  queue_full_oldest,  ///< policy drop_oldest made room
  queue_full_newest,  ///< policy drop_newest refused it
  replaced,           ///< policy latest kept a newer one
  too_old,            ///< max_age_ms
  old_epoch,          ///< an interruption made it stale
  actor_lost,         ///< the receiving actor is gone for good
  actor_restarting,   ///< it was at work in the component that failed
  bad_packet,         ///< a component emitted what its port does not declare
  late,               ///< came after its micro-turn was handed over and the policy forbids it
  session_closed,
  stopped,  ///< the graph stopped before it was taken
  rewired,  ///< its link or its receiver went with a rewire
};
inline constexpr int drop_reason_count = 12;
std::string_view to_string(drop_reason reason);

/// The accounting of one link. sent = delivered + sum(dropped) + in_flight, at all times.
struct link_account {
  std::string from;  ///< "mic.audio"; "mic.audio @edge" where it comes from another host
  std::string to;    ///< "ears.audio"; "ears.audio @gpu" where it goes to another host
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped[drop_reason_count] = {};
  std::uint64_t in_flight = 0;
  std::uint64_t depth_max = 0;
  std::uint64_t blocked_ns = 0;  ///< time senders waited for room
  double waiting_ms = 0;         ///< a sender waits for room right now, since; 0 = none does
  std::int32_t queue_size = 0;   ///< packets, of one session
  full_policy full = full_policy::block;
  bool back_edge = false;

  bool adds_up() const;
};

enum class actor_state : std::uint8_t {
  starting,
  idle,
  running,
  blocked,
  restarting,
  hung,
  lost,
  draining,
  stopped
};
std::string_view to_string(actor_state state);

struct actor_status {
  std::string name;
  std::string component;
  actor_state state = actor_state::starting;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t restarts = 0;
  std::uint64_t queued = 0;
  double busy_ratio = 0;  ///< share of wall time in the component since the last snapshot
  double call_ms = 0;     ///< how long the call that it is in has lasted; 0 = it is in none
  std::uint64_t restarts_in_window = 0;  ///< of `restart_max` in `restart_within_s`
  std::int32_t restart_max = 0;
  double restart_within_s = 0;
  double handler_p50_ms = 0;
  double handler_p99_ms = 0;
  duration_buckets handlers;  ///< all calls into the component
  std::string last_error;
  std::vector<std::pair<std::string, std::int64_t>> counters;  ///< the component's own
};

/// Latency of one budgeted path, capture to the last actor's hand-over, per micro-turn.
struct budget_status {
  std::string path;  ///< "mic > ears > model > speaker"
  double limit_ms = 0;
  std::uint64_t checked = 0;
  std::uint64_t missed = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  duration_buckets latencies;                                 ///< one per finished micro-turn
  std::vector<std::pair<std::string, std::uint64_t>> blamed;  ///< actor -> misses it caused
};

struct snapshot {
  std::string host;  ///< name in `hosts:` of the process that speaks; "" where all runs in one
  timestamp now;
  std::vector<actor_status> actors;
  std::vector<link_account> links;
  std::vector<budget_status> budgets;
  std::uint64_t sessions = 0;
  std::vector<wire::wire_account> wires;  ///< what crosses to other processes, by link
  std::vector<wire::peer_status> peers;   ///< the other processes
  std::uint64_t refused_handshakes = 0;   ///< of strangers: unknown key, plaintext, garbage

  bool law_holds() const;
};

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
};

/// The graph that a run goes on with after a rewire. The plans stay valid until the run is over, but
/// `file`, which does during the call.
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
  /// The run goes on with another plan.
  virtual void rewired(const graph_revision&) {}
  /// Asked once, when the run starts: only observers that want calls get them, and only then do they
  /// cost anything.
  virtual bool wants_calls() const { return false; }
  virtual void called(const plan&, const call_record&) {}
};

struct rewire_outcome;
struct rewire_request;
struct graph_text;

/// A rewire that is known before the run begins: its text is what `load` makes of `file`.
struct planned_rewire {
  std::string file;
  timestamp at;  ///< at the first boundary from here on
};

struct runtime_options {
  bool virtual_time = false;  ///< deterministic, as fast as it can
  int sessions = 1;           ///< conversations opened at the start
  int threads = 0;            ///< CAF workers; 0 = number of cores
  std::string output_dir = "out";
  /// What actors may reach; none: whatever a graph of one's own may, beneath `output_dir`.
  std::shared_ptr<const trust::capability> may = {};
  double drain_limit_s = 5;  ///< how long an orderly stop may take
  int grace_ms = 30;         ///< real time: how long a micro-turn waits for stragglers
  std::vector<observer*> observers = {};
  /// Unix socket that serves status() as JSON lines (`out/hocket.sock`); "" = none. Where it cannot
  /// be made the run goes on and says so with an event.
  std::string status_socket = {};
  /// Which part of a plan with `hosts:` this process runs.
  host_options host = {};
  /// How the text of a new graph file becomes a plan here: with the parameters and settings of this
  /// run. What it had to read from files is in `includes` afterwards. An error's message holds all
  /// findings. Empty: the run cannot be rewired.
  std::function<result<plan>(graph_text&)> load = {};
  /// The number of the plan that this run starts with: over 1 where a killed process comes back.
  int revision = 1;
  /// Told as soon as it is decided that the run goes on with a new graph, before the boundary at which
  /// it does (virtual time: at it): for the program that keeps what a restart needs. The outcome is not whole yet.
  /// If the run ends before the boundary, `rewired` says `rolled_back`.
  std::function<void(const rewire_request&, const rewire_outcome&)> decided = {};
  /// Rewires that this run goes through by itself, in order of time; others are refused until the
  /// last is done. In virtual time each comes at its boundary, every time. Not over several hosts.
  std::vector<planned_rewire> planned_rewires = {};
  /// Told once for each rewire that this process took part in, no matter which host it was asked of. Where one of
  /// `planned_rewires` could not be done its outcome says so, and the run goes on as it is.
  std::function<void(const rewire_request&, const rewire_outcome&)> rewired = {};
};

enum class end_reason : std::uint8_t { finished, stopped, failed };

struct run_summary {
  end_reason why = end_reason::finished;
  std::string detail;  ///< which actor ended it, and why
  snapshot last;
};

/// Runs a plan, or the part of one host, on CAF inside this process.
///
/// Threads: all functions may be called from any thread.
class runtime {
 public:
  /// Opens all actors, downstream first, then lets the sources go. With `hosts:` it returns as soon
  /// as this process listens: opening waits for the other hosts, and what fails then ends the run.
  /// Errors: host.open_failed (names the actor and its reason); everything opened is closed again;
  /// placement.* (which host this is) and wire.* (keys and addresses).
  static result<std::unique_ptr<runtime>> start(const plan& graph, const registry& types,
                                                runtime_options options);
  virtual ~runtime() = default;

  /// Waits until all sources ended and everything drained, or until stop() or a failure.
  virtual run_summary wait() = 0;
  /// Orderly stop: sources end, queues drain, actors close, upstream first. Returns at once.
  virtual void stop() = 0;
  virtual snapshot status() const = 0;
  virtual void interrupt(session_id session) = 0;
  virtual session_id open_session() = 0;
  virtual void close_session(session_id session) = 0;
  /// Makes the running graph another one: see rewire.hpp. Waits until it is done.
  virtual rewire_outcome rewire(const rewire_request& request) = 0;
};

}  // namespace hocket::host
