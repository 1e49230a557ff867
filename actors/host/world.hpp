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
#include "actors/host/input_queue.hpp"
#include "actors/host/timers.hpp"
#include "actors/host/wiring.hpp"

namespace hocket::host {

/// One conversation.
struct session_state {
  explicit session_state(session_id i) : id(i) {}
  const session_id id;
  std::atomic<epoch_number> epoch{0};
  std::atomic<bool> closing{false};
  std::mutex interrupting;  ///< no observer is told anything under it: it may interrupt, too
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
class live_view final : public graph_view {
 public:
  explicit live_view(const world& w) : world_(w) {}
  std::string name() const override;
  std::string hash() const override;
  std::string expanded_yaml() const override;
  std::string output_of(const packet_header& header) const override;

 private:
  const world& world_;
};

/// Everything that the cells of one run share.
///
/// Threads: any. Lock order: an instance's `emitting`, hand_over_, topology_, a cell's mutex; never
/// two cells at once.
class world : public std::enable_shared_from_this<world> {
 public:
  world(part place, const registry& types, runtime_options options);
  ~world();
  /// Lets cells and observers go; late threads find nobody.
  void disband();

  const registry& types;
  const runtime_options options;
  run_clock time;
  timers timer;
  const live_view view;  ///< what components see of the plan, whatever it is at the time
  std::shared_ptr<executor> exec;
  /// Where other hosts take part; nullptr in one process.
  std::unique_ptr<border> edge;
  std::unique_ptr<team> others;
  /// Changes the graph while it runs.
  std::unique_ptr<rewirer> changes;

  /// What runs now. Never goes before the world does: a rewire puts a newer one in its place.
  const wiring& wired() const { return *wired_.load(std::memory_order_acquire); }
  const plan& graph() const { return wired().graph; }  ///< this process's part
  const part& place() const { return wired().place; }
  const layout& shape() const { return wired().shape; }

  bool is_virtual() const { return options.virtual_time; }
  timestamp now() const { return time.now(); }
  void at(timestamp when, int rank, timers::task run, bool passive = false) {
    timer.add(time.due_ns(when), rank, std::move(run), passive);
  }
  void after(std::chrono::milliseconds wait, timers::task run) {
    timer.add(time.axis_now_ns() + std::chrono::nanoseconds(wait).count(), 0, std::move(run));
  }

  // Life: sessions.cpp, life.cpp
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
  void go(std::int64_t began_ns);
  session_id open_session();
  void prepare_session(session_id id);
  void start_session(session_id id);
  /// `told`: another host closes it, and the others know.
  void close_session(session_id id, bool told = false);
  /// `by`: the cell whose component interrupts; nullptr = from outside.
  void interrupt(session_id id, const cell* by);
  /// Another host raised it; `by`: the name of the actor there; "": somebody from outside.
  void interrupt_elsewhere(session_id id, epoch_number epoch, const std::string& by);
  /// `told`: another host stops; the others know it already.
  void stop(end_reason why, std::string detail, bool told = false);
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  /// All sources ended and none will come: what has drained may close.
  bool ending() const { return ending_.load(std::memory_order_acquire); }
  int sources_open() const { return sources_open_.load(); }
  /// The plan has sources, and this is no server that waits for conversations.
  bool ends_by_itself() const { return has_sources_ && options.sessions > 0; }
  void begin_ending();
  /// When stop() came (monotonic); 0: not yet.
  std::int64_t stop_at_ns() const { return stop_at_ns_.load(); }
  /// Lets the next cell go that waits for its own echo; true where one was there. Upstream first.
  bool release_next(bool force);
  /// The one that would be next; nullptr where all are closed. Proxies are not asked.
  std::shared_ptr<cell> next_to_release() const;
  /// Closes what is open, before the sources went.
  void undo();
  bool time_will_tell() const;
  /// How long nothing but ticks has happened; to be asked every few ms.
  std::int64_t count_quiet_ns(std::int64_t now_ns);
  bool anyone_holds() const;  ///< an actor has work under way
  bool all_closed() const { return unclosed_.load(std::memory_order_acquire) == 0; }
  run_summary wait();
  void finish();
  bool finished() const;
  void check_hangs();
  void check_drain();  ///< real time: called every few ms
  void stalled();
  bool drain_virtual();  ///< virtual time: nothing is ready; true where it moved something
  bool next_virtual();   ///< the same, and then what is due next
  void end_echo(std::int64_t now_ns);
  bool overdue_virtual() const;

  /// Queues and ways out of one session's cells, as the newest wiring says (topology lock held).
  queue_setup setup_of(const wiring& w, std::size_t link, session_id id,
                       const std::shared_ptr<cell>& from) const;

  // Told by cells.
  void opened(cell& c, const result<void>& how);
  void source_ended(cell& c);
  void closed(cell& c);
  void lost(cell& c, const std::string& why);
  void neighbours(cell& c, control::kind what, const std::string& why);
  void event(std::string_view actor, std::string_view what, std::string_view detail);
  void show(actor_index actor, std::size_t port, const packet& p);
  void show_mark(actor_index actor, std::size_t port, session_id session, timestamp ts,
                 control what);
  bool has_observers() const { return !options.observers.empty(); }
  /// Somebody wants every call.
  bool is_traced() const { return !tracers_.empty(); }
  void tell_call(const call_record& r);
  /// Checks the budgets that end in this actor; `now_ns` 0 = ask the clock.
  void note_hand_over(actor_index actor, const entry& e, std::int64_t now_ns);
  /// A packet for a session, or over a link, that is gone: counted on its link.
  void count_orphan(std::size_t link, drop_reason why = drop_reason::session_closed);
  void retire_books(std::size_t link, const account& books);

  snapshot status() const;
  std::vector<std::shared_ptr<cell>> all_cells() const;
  std::shared_ptr<session_state> find_session(session_id id) const;
  std::vector<session_id> open_sessions() const;

  std::atomic<int> active{0};              ///< cells that are scheduled or run
  std::atomic<std::uint64_t> activity{0};  ///< counts up with each
  /// Counts what may make an actor speak that only waits for echoes: packets on back edges, work
  /// that components posted to themselves. What ticks cause is not among it.
  std::atomic<std::uint64_t> echoes{0};
  std::atomic<int> restarts_pending{0};
  std::atomic<bool> gone{false};  ///< sources go
  void poke_driver();             ///< something changed that the end may wait for
  /// Virtual time stays before this stream time until it is called again.
  static constexpr std::int64_t no_hold = INT64_MAX;
  void hold(std::int64_t before_ns);
  std::function<void()> on_poke;

 private:
  friend class rewirer;
  friend class cell;
  void install(std::unique_ptr<const wiring> next);  ///< topology lock held, or before the start
  std::vector<std::shared_ptr<cell>> make_session(session_id id, epoch_number epoch = 0);
  void apply_interrupt(session_state& session, const std::vector<actor_index>& from,
                       epoch_number epoch, const cell* by);
  std::shared_ptr<cell> cell_of(actor_index actor, session_id id) const;
  result<void> open_cells(const std::vector<std::shared_ptr<cell>>& cells, bool fatal);
  void start_cell_timers(const std::shared_ptr<cell>& c);
  void boundary(std::int64_t k);
  void schedule_boundary(std::int64_t k);
  void maybe_ending();
  void retire(session_id id);
  void drain_session(session_id id, std::int64_t deadline_ns);
  void follow_source(const std::weak_ptr<cell>& c, timestamp until);
  void tell_deadlines(std::int64_t k);

  std::vector<std::unique_ptr<const wiring>> wirings_;  ///< oldest first
  std::atomic<const wiring*> wired_{nullptr};
  /// Held while packets change queues, and while books are read: after `emitting`, before topology_.
  mutable std::mutex hand_over_;
  mutable std::mutex topology_;
  std::vector<std::shared_ptr<cell>> cells_;
  std::map<session_id, std::shared_ptr<session_state>> sessions_;
  std::uint64_t next_session_ = 1;
  mutable std::mutex retired_mutex_;
  std::vector<account> retired_;  ///< by link
  /// What the cells of closed sessions did, by actor: counters never fall.
  struct actor_past {
    actor_status totals;
    histogram::counts times{};
    std::int64_t busy_ns = 0;
  };
  std::vector<actor_past> past_;
  std::vector<observer*> tracers_;
  bool muted_ = false;
  /// What observers were shown last: those that a rewire brings open before it is decided, and
  /// observers hear of none until they have its plan.
  const plan* shown_ = nullptr;
  std::recursive_mutex observers_mutex_;  ///< an observer may interrupt or stop

  std::atomic<bool> stopping_{false};
  std::atomic<bool> ending_{false};
  std::atomic<int> sources_open_{0};
  std::atomic<int> unclosed_{0};
  std::atomic<std::int64_t> stop_at_ns_{0};
  std::atomic<std::int64_t> ending_at_ns_{0};  ///< on the timers' axis
  const cell* echo_of_ = nullptr;              ///< overseer only
  std::int64_t echo_since_ns_ = 0;
  std::int64_t quiet_ns_ = 0;  ///< how long nothing but ticks has happened
  std::int64_t quiet_seen_ns_ = 0;
  std::uint64_t quiet_echoes_ = 0;
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
  std::map<const cell*, opening> openings_;
  mutable std::mutex status_mutex_;
  mutable std::int64_t last_status_ns_ = 0;
  mutable std::map<actor_index, std::int64_t> last_busy_ns_;
  end_reason why_ = end_reason::finished;
  std::string detail_;
  std::atomic<bool> has_sources_{false};
  std::atomic<std::int64_t> hold_ns_{no_hold};
  std::atomic<bool> has_boundaries_{false};  ///< the next end of a micro-turn is waited for
};

}  // namespace hocket::host
