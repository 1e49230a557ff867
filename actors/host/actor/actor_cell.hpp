#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "actors/host/actor/actor_identity.hpp"
#include "actors/host/actor/arrival_order.hpp"
#include "actors/host/actor/batch.hpp"
#include "actors/host/actor/call_watch.hpp"
#include "actors/host/actor/input_queue.hpp"
#include "actors/host/actor/instance.hpp"
#include "actors/host/actor/outputs.hpp"
#include "actors/host/actor/own_words.hpp"
#include "actors/host/actor/pacing.hpp"
#include "actors/host/actor/restarts.hpp"
#include "actors/host/actor/set_gatherer.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {

enum class phase : std::uint8_t { fresh, opening, open, restarting, lost, closing, closed };

/// One actor instance with its mailbox: the unit that is scheduled, supervised and accounted for.
/// A session-scoped actor has one cell per session, a shared one has one cell.
///
/// Threads: the mailbox functions from anywhere; run() from the one thread that the executor gives
/// it. The thread that set `scheduled_` owns the cell's token: all members marked (token) belong to
/// it.
class actor_cell : public std::enable_shared_from_this<actor_cell> {
 public:
  actor_cell(std::shared_ptr<graph_run> w, const plan_revision& revision, actor_index actor,
             session_id session);

  const actor_identity& id() const { return id_; }
  /// A rewire may put another one in its place, for supervision; old ones stay valid.
  const plan_actor& spec() const { return *spec_.load(std::memory_order_acquire); }
  /// The ways out, by session.
  host::outputs& outputs() { return outputs_; }
  const host::outputs& outputs() const { return outputs_; }

  // Wiring (topology lock held).
  std::shared_ptr<input_queue> add_queue(queue_setup setup);
  void remove_session(session_id id, std::vector<account>& retired);

  // Mailbox: mailbox.cpp
  /// True where the sender must wait: it was blocked once more and will be unblocked.
  void push(input_queue& q, queued_packet&& e, actor_cell* sender);
  void refuse(input_queue& q, drop_reason why);
  void raise_bound(input_queue& q, timestamp bound);
  void end_input(input_queue& q);
  void control_lane(std::size_t port, packet p);
  void purge_older(session_id id, const std::vector<bool>& links, epoch_number epoch);
  bool post_task(const std::shared_ptr<instance>& who, std::function<void(emitter&)> f);
  void source_due(timestamp until);
  void tick_due(std::int64_t k);
  void deadline(std::int64_t k);
  /// It is over, and what came in time has settled; not in virtual time.
  void turn_over(std::int64_t k);
  void open_gate();
  void wake();
  /// A remote sender: no room on the wire; open_gate() ends it.
  void close_gate() { blocked_.fetch_add(1, std::memory_order_acq_rel); }
  /// The same: its host is lost. Who waits for room goes on; push() asks the remote end from here on.
  void release_senders();
  bool blocked() const { return blocked_.load(std::memory_order_acquire) > 0; }
  /// A remote receiver: whether everything that it stands for has ended.
  void set_sources_ended(bool ended);
  /// A remote receiver: called when no queue behind it is full any more. Set before anything
  /// arrives.
  std::function<void()> on_gate_open;

  // Life of its component: supervisor.cpp
  void request_open();
  void request_close(bool force);
  void stop_source();
  /// `limit_ns` 0: the watchdog of the graph file.
  void check_hang(std::int64_t now_ns, std::int64_t limit_ns = 0);
  bool source_done() const;
  phase state() const;
  bool has_queued() const;
  /// Everything that comes forward ended and drained; only back edges may still bring something.
  bool waits_for_back_edges() const;

  bool is_over() const;  ///< closed or lost
  /// It opens beside the one that it is to replace, gets nothing and emits nothing: cell_change.
  bool is_prepared() const { return prepared_.load(std::memory_order_acquire); }
  /// A rewire takes it out.
  bool is_retiring() const { return retiring_.load(std::memory_order_acquire); }

  /// One turn on a thread; returns when there is nothing to do or others should go first.
  void run();
  /// Sends a cell that was taken to be run to the executor once more.
  void repost() { run_.executor->post_again(*this); }

  /// The component has work under way that it will still tell about.
  bool has_pending_work() const;

  /// One line about what the cell waits for; for the event log.
  std::string describe() const;
  void add_status(actor_status& s, histogram::counts& times, std::int64_t& busy_ns,
                  std::vector<link_account>& links) const;
  /// The stream time at which the cell takes part: its first micro-turn and first period.
  void begin_at(timestamp t);
  timestamp next_until() const;

  /// Belongs to the executor.
  std::shared_ptr<void> slot;

 private:
  friend class emission;
  friend class cell_change;
  struct job;
  struct task {
    std::weak_ptr<instance> who;
    std::function<void(emitter&)> run;
  };
  bool makes_sets() const { return sets_ != nullptr; }
  /// What is handed over depends on it in virtual time alone: no question for the time else.
  timestamp sets_now() const { return run_.is_virtual() ? run_.now() : timestamp(); }
  bool next_job(job& j);
  bool choose_job(job& j);
  bool choose_life(job& j);
  bool choose_control(job& j);
  bool choose_timed(job& j);
  bool choose_task(job& j);
  bool take_items();
  bool take_bundles();
  void collect(const set_gatherer::due& set);
  bool take_ended_input(job& j);
  bool may_close() const;
  bool has_work() const;
  drop_reason removed_reason() const {
    return is_retiring() ? drop_reason::rewired : drop_reason::session_closed;
  }
  void settle_batch();
  void unblock_if_room(input_queue& q, std::vector<std::shared_ptr<actor_cell>>& unblocked);
  void drop_all(drop_reason why);
  bool schedule();  ///< mutex held; true where the executor must be told
  void admit_later(input_queue& q);
  void admit(input_queue& q);

  enum class outcome : std::uint8_t { fine, failed, written_off };
  /// Calls into the component: timed, watched, no exception comes out.
  template <class F>
  outcome call_as(const std::shared_ptr<instance>& who, std::int64_t began_ns, error& why, F&& f);
  bool do_job(job& j);  ///< false: the thread was written off and must not touch the cell
  bool call_simple(job& j, const std::function<result<void>(emitter&)>& f);
  bool call_control(job& j);
  bool call_items(job& j);
  bool call_bundles(job& j);
  bool call_produce(job& j);
  bool call_open();
  bool call_close(job& j);
  void target_own_session(emission& out);
  void end_source();
  context make_context(const std::shared_ptr<instance>& who);
  bool after_call(outcome how, const error& why);
  bool failed(const error& why);
  void restart_or_lose(const error& why);
  void lose(const error& why);
  bool destroy_instance();
  /// What waited for the instance that is gone. Mutex held; the tasks go when it is free again: what
  /// they keep may come back to this cell when it goes, such as a token of `context.hold`.
  [[nodiscard]] std::deque<task> drop_pending_calls();
  [[nodiscard]] std::deque<task> drop_tasks();
  bool finish_close();
  void hang();
  void rescue_batch();
  void restart_now();
  /// Queues that a rewire took out and that have drained go.
  void remove_drained();
  /// Of a call for this session; the cell's own where it belongs to one.
  std::shared_ptr<session_outputs> outputs_of(session_id id) const {
    return id_.is_shared() ? outputs_.find(id) : outputs_.only();
  }
  void end_outputs();
  /// Tells observers of something else than a packet.
  void notify_marker(std::size_t port, session_id session, timestamp ts, control what);
  /// Tells the receivers of all outputs on their control lanes.
  void notify_receivers(control::kind what, const std::string& why);
  void notify_end();  ///< tells observers that the outputs end
  void count_bad(std::size_t port, const std::string& why);
  void add_count(std::string_view counter, std::int64_t add);
  void add_line(std::string_view message);  ///< of the component, for the log
  /// In virtual time: false where tasks that make tasks let no time pass.
  bool task_passes_time();
  void give_token_back();
  void notify_call(call_kind what, session_id session, std::int64_t began_ns, outcome how,
                   std::int64_t k = -1, std::span<const call_input> inputs = {},
                   const packet* message = nullptr, std::size_t message_port = 0);
  void notify_bundles(std::int64_t began_ns, outcome how);
  void notify_hung();

  const std::shared_ptr<graph_run> keep_;  ///< a thread that was left behind may come back late
  graph_run& run_;
  const actor_identity id_;
  const registry& types_;
  std::atomic<const plan_actor*> spec_;
  const input_policy policy_;
  const bool traced_;  ///< a copy: asked for every call, it must not cost a line of the cache

  mutable std::mutex mutex_;
  // --- under mutex_
  std::vector<std::shared_ptr<input_queue>> queues_;
  arrival_order order_;                       ///< one by one
  const std::unique_ptr<set_gatherer> sets_;  ///< in sets; nullptr: one by one
  std::deque<task> tasks_;
  struct control_item {
    std::size_t port = 0;
    packet what;
    input_queue* direct_from = nullptr;
  };
  std::deque<control_item> control_;
  bool scheduled_ = false;
  phase phase_ = phase::fresh;
  bool open_wanted_ = false;
  bool restart_wanted_ = false;
  bool close_wanted_ = false;
  bool force_ = false;
  bool has_draining_ = false;  ///< queues that drain
  pacing pacing_;
  timestamp began_;
  restarts restarts_;
  std::int64_t earlier_instances_ = 0;  ///< of the cell that it replaced
  std::string last_error_;
  std::map<std::string, std::int64_t, std::less<>> counters_;
  line_limit lines_;
  std::shared_ptr<instance> instance_;
  std::shared_ptr<instance> opening_instance_;  ///< in `open`: what its threads post waits for it
  std::shared_ptr<batch> batch_;
  std::unique_ptr<clock> late_clock_;  ///< prepared: stream time as of when it will take part
  // --- (token)
  std::vector<std::shared_ptr<actor_cell>> unblocked_;
  std::shared_ptr<instance> calling_;
  epoch_number call_epoch_ = 0;
  int calling_kind_ = 0;
  input_queue* direct_from_ = nullptr;
  timestamp tasks_at_;           ///< virtual: of the last task
  std::int64_t tasks_then_ = 0;  ///< how many at that time
  // --- by themselves
  host::outputs outputs_;
  call_watch call_;
  timestamp emits_from_ = timestamp::min();  ///< a source that came later: nothing from before
  std::atomic<bool> prepared_{false};
  std::atomic<bool> retiring_{false};
  std::atomic<bool> handed_over_{false};  ///< retiring, and another instance continues its streams
  std::atomic<int> blocked_{0};
  std::atomic<bool> control_waiting_{false};
  std::atomic<std::uint64_t> packets_in_{0};
  std::atomic<std::uint64_t> packets_out_{0};
  std::atomic<std::uint64_t> late_emits_{0};
};

}  // namespace hocket::host
