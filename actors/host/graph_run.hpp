#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "actors/host/executor.hpp"
#include "actors/host/fwd.hpp"
#include "actors/host/histogram.hpp"
#include "actors/host/input_queue.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/runtime.hpp"
#include "actors/host/timers.hpp"
#include "actors/host/plan_revision.hpp"
#include "actors/host/run_changes.hpp"
#include "actors/host/session_requests.hpp"

namespace hocket::host {

/// One conversation.
struct session_state {
  explicit session_state(session_id i) : id(i) {}
  const session_id id;
  std::atomic<epoch_number> epoch{0};
  std::atomic<bool> closing{false};
  std::atomic<bool> begun{false};  ///< its sources go
  std::mutex interrupting;         ///< no observer is called under it: it may interrupt, too
};

/// Stream time of a run: stands at zero until the sources go, then follows monotonic time, or, in
/// virtual time, the loop.
class run_clock final : public clock {
 public:
  explicit run_clock(bool is_virtual) : virtual_(is_virtual) {}
  timestamp now() const override {
    if (virtual_) return timestamp(now_ns_.load(std::memory_order_acquire));
    const auto began = began_ns_.load(std::memory_order_acquire);
    return timestamp(began == 0 ? 0 : monotonic_ns() - began);
  }
  bool is_virtual() const override { return virtual_; }
  /// Stream time at a monotonic time, without asking the system's clock again.
  timestamp at(std::int64_t mono_ns) const {
    if (virtual_) return timestamp(now_ns_.load(std::memory_order_acquire));
    const auto began = began_ns_.load(std::memory_order_acquire);
    return timestamp(began == 0 ? 0 : mono_ns - began);
  }
  /// Stream time zero is at this monotonic time.
  void begin(std::int64_t mono_ns) { began_ns_.store(mono_ns, std::memory_order_release); }
  void set(timestamp t) { now_ns_.store(t.ns(), std::memory_order_release); }
  /// When a stream time is due, on the timers' axis.
  std::int64_t due_ns(timestamp t) const {
    return virtual_ ? t.ns() : began_ns_.load(std::memory_order_acquire) + t.ns();
  }
  std::int64_t axis_now_ns() const { return virtual_ ? now().ns() : monotonic_ns(); }

 private:
  const bool virtual_;
  std::atomic<std::int64_t> began_ns_{0};
  std::atomic<std::int64_t> now_ns_{0};
};

/// The newest plan of a run, for components.
class current_plan_view final : public graph_view {
 public:
  explicit current_plan_view(const graph_run& w) : run_(w) {}
  std::string name() const override;
  std::string hash() const override;
  std::string expanded_yaml() const override;
  std::string output_of(const packet_header& header) const override;

 private:
  const graph_run& run_;
};

/// Everything that the cells of one run share.
///
/// Threads: any. Lock order: an instance's `emitting`, hand_over_, topology_, a cell's mutex; never
/// two cells at once.
class graph_run : public std::enable_shared_from_this<graph_run> {
 public:
  graph_run(host_plan local, const registry& types, runtime_options options);
  ~graph_run();
  /// Lets cells and observers go; late threads find none.
  void detach_all();

  const registry& types;
  const runtime_options options;
  run_clock time;
  timers timer;
  const current_plan_view view;  ///< what components see of the plan, whatever it is at the time
  std::shared_ptr<host::executor> executor;
  /// Where other hosts take part; nullptr in one process.
  std::unique_ptr<peer_hosts> peers;
  session_requests requests;
  /// Changes the graph while it runs; nullptr: it stays as it is.
  std::unique_ptr<run_changes> changes;

  /// What runs now. Kept until the run is over: a rewire puts a newer one in its place.
  const plan_revision& current() const { return *current_.load(std::memory_order_acquire); }
  const plan& graph() const { return current().graph; }  ///< this process's part
  const host_plan& local() const { return current().local; }
  const host::layout& layout() const { return current().layout; }

  bool is_virtual() const { return options.virtual_time; }
  timestamp now() const { return time.now(); }
  void at(timestamp when, int rank, timers::task run, bool passive = false) {
    timer.add(time.due_ns(when), rank, std::move(run), passive);
  }
  void after(std::chrono::milliseconds wait, timers::task run) {
    timer.add(time.axis_now_ns() + std::chrono::nanoseconds(wait).count(), 0, std::move(run));
  }

  // Life: sessions.cpp, supervisor.cpp
  struct session_start {
    session_id id = session_id::none;
    epoch_number epoch = 0;
  };
  /// Conversations of a run that begins by itself: 1, 2, …
  std::vector<session_start> first_sessions();
  result<void> open_all(const std::vector<session_start>& sessions);
  /// This process comes back to a run that goes on: its actors open in the middle of it.
  void resume(std::int64_t began_ns) {
    time.begin(began_ns);
    resumed.store(true);
  }
  std::atomic<bool> resumed{false};
  /// Lets the sources go; stream time zero was at `began_ns` (monotonic).
  void start(std::int64_t began_ns);
  /// None where this host does not lead, or the run takes no more.
  session_id open_session();
  /// Its actors open; its sources wait for start_session(). For `requests`.
  void prepare_session(session_id id);
  void start_session(session_id id);
  /// `from_peer`: another host closes it, and all hosts know.
  void close_session(session_id id, bool from_peer = false);
  /// `by`: the cell whose component interrupts; nullptr = from outside.
  void interrupt(session_id id, const actor_cell* by);
  /// Another host raised it; `by`: the name of the actor there; "": from outside.
  void interrupt_elsewhere(session_id id, epoch_number epoch, const std::string& by);
  /// `from_peer`: another host stops, and all hosts know.
  void stop(end_reason why, std::string detail, bool from_peer = false);
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  /// All sources ended and none will come: what has drained may close.
  bool ending() const { return ending_.load(std::memory_order_acquire); }
  int sources_open() const { return sources_open_.load(); }
  /// The plan has sources, and this is no server that waits for conversations.
  bool ends_by_itself() const { return has_sources_ && options.sessions > 0; }
  void begin_ending();
  /// When stop() came (monotonic); 0: not yet.
  std::int64_t stop_at_ns() const { return stop_at_ns_.load(); }
  /// Closes the next cell that waits for its own back edges; true where one was there. Upstream
  /// first.
  bool close_next(bool force);
  /// The one that would be next; nullptr where all are closed. Proxies are not asked.
  std::shared_ptr<actor_cell> next_to_close() const;
  /// Closes what is open, before the sources went.
  void close_all_opened();
  bool has_open_micro_turn() const;
  /// How long nothing but ticks has happened; to be asked every few ms.
  std::int64_t count_idle_ns(std::int64_t now_ns);
  bool anyone_has_pending_work() const;  ///< an actor has work under way
  bool all_closed() const { return unclosed_.load(std::memory_order_acquire) == 0; }
  run_summary wait();
  void finish();
  bool finished() const;
  void check_hangs();
  void check_drain();  ///< real time: called every few ms
  void stalled();
  bool drain_virtual();  ///< virtual time: nothing is ready; true where it moved something
  bool next_virtual();   ///< the same, and then what is due next
  void close_endless_loop(std::int64_t now_ns);
  bool overdue_virtual() const;

  /// Queues and ways out of one session's cells, as the newest wiring says (topology lock held).
  queue_setup setup_of(const plan_revision& w, std::size_t link, session_id id,
                       const std::shared_ptr<actor_cell>& from) const;

  // For what changes the graph.
  result<void> open_cells(const std::vector<std::shared_ptr<actor_cell>>& cells, bool fatal);
  /// How one of them opened; none: not by `until_ns` (monotonic), or the run stops.
  std::optional<result<void>> wait_opened(const actor_cell& c, std::int64_t until_ns);
  /// The same without waiting; none: not yet.
  std::optional<result<void>> how_opened(const actor_cell& c) const;
  void schedule_boundary(std::int64_t k);
  void follow_source(const std::weak_ptr<actor_cell>& c, timestamp until);
  /// While it lives no packet changes queues and no account is read: before the topology.
  std::unique_lock<std::mutex> hold_handovers() const { return std::unique_lock(handover_); }

  // Called by cells.
  void opened(actor_cell& c, const result<void>& how);
  void source_ended(actor_cell& c);
  void closed(actor_cell& c);
  void lost(actor_cell& c, const std::string& why);
  void notify_receivers(actor_cell& c, control::kind what, const std::string& why);
  void event(std::string_view actor, std::string_view what, std::string_view detail);
  void notify_emitted(actor_index actor, std::size_t port, const packet& p);
  void notify_marker(actor_index actor, std::size_t port, session_id session, timestamp ts,
                     control what);
  bool has_observers() const { return !options.observers.empty(); }
  /// An observer wants every call.
  bool is_traced() const { return !tracers_.empty(); }
  std::atomic<std::uint64_t> lives{0};  ///< instances made so far
  /// A component's threads may ask for the time after its instance has gone.
  void keep(std::shared_ptr<const clock> time) {
    std::lock_guard lock(observers_mutex_);
    clocks_.push_back(std::move(time));
  }
  /// False where observers do not know the actor yet.
  bool notify_call(const call_record& r);
  void notify_rewired(const graph_revision& now);
  /// Checks the budgets that end in this actor; `now_ns` 0 = ask the clock.
  void note_hand_over(actor_index actor, const queued_packet& e, std::int64_t now_ns);
  /// A packet for a session, or over a link, that is gone: counted on its link.
  void count_undeliverable(std::size_t link, drop_reason why = drop_reason::session_closed);
  void keep_account(std::size_t link, const account& books);

  snapshot status() const;
  std::vector<std::shared_ptr<actor_cell>> all_cells() const;
  std::shared_ptr<session_state> find_session(session_id id) const;
  std::vector<session_id> open_sessions() const;
  std::size_t session_count() const;  ///< those that drain among them
  session_id next_session();          ///< a number that no session has had

  std::atomic<int> active{0};              ///< cells that are scheduled or run
  std::atomic<std::uint64_t> activity{0};  ///< counts up with each
  /// Counts what may make an actor emit that only waits for its back edges: packets on them, work
  /// that components posted to themselves. What ticks cause is not among it.
  std::atomic<std::uint64_t> back_edge_traffic{0};
  std::atomic<int> restarts_pending{0};
  std::atomic<bool> started{false};  ///< sources go
  void notify_loop();                ///< something changed that the end may wait for
  /// Virtual time stays before this stream time until it is called again.
  static constexpr std::int64_t no_pause = INT64_MAX;
  void pause_time_before(std::int64_t before_ns);
  std::function<void()> on_notify;

 private:
  friend class topology_edit;
  friend class actor_cell;
  void install(
      std::unique_ptr<const plan_revision> next);  ///< topology lock held, or before the start
  std::vector<std::shared_ptr<actor_cell>> make_session(session_id id, epoch_number epoch = 0);
  void apply_interrupt(session_state& session, const std::vector<actor_index>& from,
                       epoch_number epoch, const actor_cell* by);
  std::shared_ptr<actor_cell> cell_of(actor_index actor, session_id id) const;
  void sort_cells(const plan_revision& by);
  void start_cell_timers(const std::shared_ptr<actor_cell>& c);
  void boundary(std::int64_t k);
  void maybe_ending();
  void remove_session(session_id id);
  void drain_session(session_id id, std::int64_t deadline_ns);
  void notify_deadlines(std::int64_t k);
  snapshot empty_status() const;
  void add_rates(snapshot& s, const std::vector<histogram::counts>& times,
                 const std::vector<std::int64_t>& busy) const;

  std::vector<std::unique_ptr<const plan_revision>> revisions_;  ///< oldest first
  std::atomic<const plan_revision*> current_{nullptr};
  /// Held while packets change queues, and while books are read: after `emitting`, before
  /// topology_.
  mutable std::mutex handover_;
  mutable std::mutex topology_;
  std::vector<std::shared_ptr<actor_cell>> cells_;
  std::map<session_id, std::shared_ptr<session_state>> sessions_;
  std::uint64_t next_session_ = 1;
  mutable std::mutex closed_mutex_;
  std::vector<account> closed_accounts_;  ///< by link
  /// What the cells of closed sessions did, by actor: counters never fall.
  struct closed_actor {
    actor_status totals;
    histogram::counts times{};
    std::int64_t busy_ns = 0;
  };
  std::vector<closed_actor> closed_totals_;
  std::vector<observer*> tracers_;
  bool muted_ = false;
  /// What observers were shown last: those that a rewire brings open before it is decided, and
  /// observers hear of none until they have its plan.
  const plan* shown_ = nullptr;
  std::vector<std::shared_ptr<const clock>> clocks_;
  std::recursive_mutex observers_mutex_;  ///< an observer may interrupt or stop

  std::atomic<bool> stopping_{false};
  std::atomic<bool> ending_{false};
  std::atomic<int> sources_open_{0};
  std::atomic<int> unclosed_{0};
  std::atomic<std::int64_t> stop_at_ns_{0};
  std::atomic<std::int64_t> ending_at_ns_{0};  ///< on the timers' axis
  const actor_cell* loop_of_ = nullptr;        ///< watcher only
  std::int64_t loop_since_ns_ = 0;
  std::int64_t idle_ns_ = 0;  ///< how long nothing but ticks has happened
  std::int64_t idle_seen_ns_ = 0;
  std::uint64_t idle_traffic_ = 0;
  std::int64_t stall_since_ns_ = 0;
  std::uint64_t stall_activity_ = 0;

  mutable std::mutex end_mutex_;
  std::condition_variable end_;
  bool finished_ = false;
  run_summary summary_;
  struct opening {
    bool done = false;
    result<void> how;
  };
  std::map<const actor_cell*, opening> openings_;
  mutable std::mutex status_mutex_;
  mutable std::int64_t last_status_ns_ = 0;
  mutable std::map<actor_index, std::int64_t> last_busy_ns_;
  end_reason why_ = end_reason::finished;
  std::string detail_;
  std::atomic<bool> has_sources_{false};
  std::atomic<std::int64_t> pause_before_ns_{no_pause};
  std::atomic<bool> has_boundaries_{false};  ///< the next end of a micro-turn is waited for
};

}  // namespace hocket::host
