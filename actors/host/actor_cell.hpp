#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "actors/host/histogram.hpp"
#include "actors/host/input_queue.hpp"
#include "actors/host/link_end.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/graph_run.hpp"

namespace hocket::host {

/// What is known of one output stream of one session.
struct stream_state {
  std::uint64_t next_seq = 0;
  timestamp last_ts = timestamp::min();
  bool ended = false;
};

/// Where the packets of one session go from one cell. The routes change under the `emitting` of the
/// cell's instance and its outputs_mutex_ both: holding one of them is enough to read.
struct session_outputs {
  std::shared_ptr<session_state> session;        ///< nullptr: no session
  std::vector<std::vector<link_end>> link_ends;  ///< by output port
  std::vector<stream_state> streams;             ///< by output port
  session_id id() const { return session ? session->id : session_id::none; }
};

/// Where the content of a call comes from: its oldest input.
struct origin {
  bool known = false;
  timestamp ts;
  std::int64_t ns = 0;
  std::int64_t queued_ns = 0;
  trace hops;
  void note(const queued_packet& e);
};

/// Stream time as one instance is told it. While calls are traced it keeps what it said in a call: a
/// component that asks for the time can only be run again by being told the same.
class told_clock final : public clock {
 public:
  explicit told_clock(const clock& time) : time_(time) {}
  timestamp now() const override {
    const auto t = time_.now();
    if (caller_.load(std::memory_order_relaxed) == std::this_thread::get_id()) said_.push_back(t);
    return t;
  }
  bool is_virtual() const override { return time_.is_virtual(); }
  void call_begins() {
    said_.clear();
    caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  void call_ends() { caller_.store({}, std::memory_order_relaxed); }
  std::span<const timestamp> said() const { return said_; }

 private:
  const clock& time_;
  std::atomic<std::thread::id> caller_{};  ///< other threads of the component are not in the call
  mutable std::vector<timestamp> said_;
};

/// One life of a component: a restart makes a new one.
struct instance {
  std::uint64_t life = 0;            ///< counts up over the run, whatever the actor
  std::shared_ptr<told_clock> time;  ///< while calls are traced
  /// Its opening, where observers do not know the actor yet: told before its first call.
  std::optional<std::pair<call_record, std::vector<timestamp>>> untold;
  std::unique_ptr<hocket::component> component;
  context surroundings;
  std::mutex emitting;     ///< held per emit, so that a written-off thread is cut off cleanly
  bool abandoned = false;  ///< under `emitting`
  std::atomic<int> pending_work{0};  ///< work under way whose outcome will still be emitted
};

/// What a cell took from its queues for the component: packets one by one, or sets.
struct batch {
  struct item {
    queued_packet what;
    input_queue* from = nullptr;
    bool dropped = false;
    drop_reason why = drop_reason::too_old;
  };
  std::vector<item> items;
  std::size_t at = 0;       ///< items before it are done
  std::size_t settled = 0;  ///< items before it are in the books
  std::vector<bundle> bundles;
  std::vector<origin> bundle_origins;
  std::vector<std::pair<input_queue*, std::uint64_t>> bundle_uses;
  bool bundles_failed = false;
  bool empty() const { return at == items.size() && bundles.empty(); }
  void clear_bundles();
};

/// The queues of one session in front of a cell, for the policies that make sets.
struct input_group {
  session_id session = session_id::none;
  std::vector<input_queue*> queues;
  std::int64_t next_k = 0;
};

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

  const std::string& name() const { return name_; }
  actor_index actor() const { return actor_; }
  session_id session() const { return session_; }
  /// A rewire may put another one in its place, for supervision; old ones stay valid.
  const plan_actor& spec() const { return *spec_.load(std::memory_order_acquire); }
  const component_info& info() const { return info_; }
  bool is_shared() const { return info_.scope == instance_scope::shared; }
  bool is_source() const { return info_.source; }
  /// A local actor, or a proxy for one on another host.
  actor_role role() const { return role_; }
  /// The far side that this proxy stands for; nullptr: a local actor.
  remote_end* remote() const { return remote_; }
  bool makes_sets() const {
    return policy_ == input_policy::aligned || policy_ == input_policy::micro_turn;
  }

  // Wiring (topology lock held).
  std::shared_ptr<input_queue> add_queue(queue_setup setup);
  void add_outputs(std::shared_ptr<session_outputs> out);
  void remove_session(session_id id, std::vector<account>& retired);
  void break_links();
  void each_link(const std::function<void(const session_outputs&, const link_end&)>& f) const;
  /// When a source that produced up to `t` is called next.
  timestamp until_after(timestamp t) const;

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
  void open_gate();
  void wake();
  /// A remote sender: no room on the wire; open_gate() ends it.
  void close_gate() { blocked_.fetch_add(1, std::memory_order_acq_rel); }
  bool blocked() const { return blocked_.load(std::memory_order_acquire) > 0; }
  /// A remote receiver: whether everything that it stands for has ended.
  void set_inlet_ended(bool ended);
  /// A remote receiver: called when no queue behind it is full any more. Set before anything
  /// arrives.
  std::function<void()> on_gate_open;

  // Life: life of one component
  void request_open();
  void request_close(bool force);
  void restart_now();
  void stop_source();
  /// `limit_ns` 0: the watchdog of the graph file.
  void check_hang(std::int64_t now_ns, std::int64_t limit_ns = 0);
  bool source_done() const;
  phase state() const;
  bool has_queued() const;
  /// Everything that comes forward ended and drained; only back edges may still bring something.
  bool waits_for_back_edges() const;

  // Rewire: actor_change.cpp
  /// Before request_open(): it opens beside the running ones, gets nothing and emits nothing until
  /// activate(). `replaces`: the cell that it is to replace, or none; `begins`: when it will take
  /// part.
  void prepare(const actor_cell* replaces, timestamp begins);
  /// Its place is its own now, though it does not take part yet.
  void take_place() { prepared_.store(false, std::memory_order_release); }
  bool is_prepared() const { return prepared_.load(std::memory_order_acquire); }
  /// From stream time `t` on: it takes part. `before`: the cell whose streams it continues.
  void activate(timestamp t, actor_cell* before);
  /// Finishes what it has taken and closes. `handed_over`: another instance
  /// goes on with its streams, which do not end. A source makes what belongs before `at`.
  void retire(bool handed_over, timestamp at);
  bool is_retiring() const { return retiring_.load(std::memory_order_acquire); }
  bool is_over() const;  ///< closed or lost
  void adjust(const plan_actor& spec) { spec_.store(&spec, std::memory_order_release); }
  /// Other routes for one session; `moved` is called while nothing can be emitted.
  void reroute(session_id id, std::vector<std::vector<link_end>> link_ends,
               const std::function<void()>& moved);
  std::vector<std::vector<link_end>> link_ends_of(session_id id) const;
  std::shared_ptr<input_queue> queue_of(std::size_t link, session_id id) const;
  std::vector<std::shared_ptr<input_queue>> all_queues() const;
  std::shared_ptr<actor_cell> sender_of(const input_queue& q) const;
  input_queue::queue_state export_state(input_queue& q);
  void import_state(input_queue& q, input_queue::queue_state&& e);
  /// The queue drains and goes; its end is not announced. `now`: its sender is rerouted already.
  void drain_and_remove(input_queue& q, bool now);
  void set_policy(input_queue& q, const queue_spec& spec);
  /// Removes queues that have drained.
  void remove_drained();
  /// All that is left of it, into the books of the run.
  void collect_books(const std::function<void(std::size_t link, const account& books)>& keep);

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
  bool needs_thread() const { return info_.blocking; }

 private:
  friend class emission;
  struct job;
  void set_sender(input_queue& q, const std::shared_ptr<actor_cell>& sender);
  bool next_job(job& j);
  bool choose_job(job& j);
  bool choose_life(job& j);
  bool choose_control(job& j);
  bool choose_timed(job& j);
  bool choose_task(job& j);
  bool take_items();
  bool take_bundles();
  void collect(input_group& g, std::int64_t k, timestamp from, timestamp to);
  bool group_ready(const input_group& g) const;
  bool micro_turn_settled(const input_group& g) const;
  bool forward_ended(const input_group& g) const;
  bool sets_ready() const;
  bool aligned_ready(const input_group& g, timestamp& t) const;
  input_group& group_of(session_id id);
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
  void void_entries(input_queue& q, std::size_t n);
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
  void drop_pending_calls();  ///< mutex held: what waited for the instance that is gone
  void drop_tasks();          ///< mutex held
  bool finish_close();
  void hang();
  void rescue_batch();
  std::shared_ptr<session_outputs> outputs_of(session_id id) const;
  std::vector<std::shared_ptr<session_outputs>> open_outputs()
      const;  ///< of conversations that go on
  static epoch_number epoch_of(const session_outputs& o) {
    return o.session ? o.session->epoch.load(std::memory_order_acquire) : 0;
  }
  void end_outputs();
  void notify_end();  ///< tells observers that the outputs end
  void count_bad(std::size_t port, const std::string& why);
  void add_count(std::string_view counter, std::int64_t add);
  void give_token_back();
  void notify_call(call_kind what, session_id session, std::int64_t began_ns, outcome how,
                   std::int64_t k = -1, std::span<const call_input> inputs = {},
                   const packet* message = nullptr, std::size_t message_port = 0);
  void notify_bundles(std::int64_t began_ns, outcome how);
  void notify_hung();

  const std::shared_ptr<graph_run> keep_;  ///< a thread that was left behind may come back late
  graph_run& run_;
  const actor_index actor_;
  const session_id session_;
  const actor_role role_;
  remote_end* const remote_;
  std::atomic<const plan_actor*> spec_;
  const std::string name_;
  const input_policy policy_;
  const component_info& info_;
  const bool traced_;  ///< a copy: asked for every call, it must not cost a line of the cache

  mutable std::mutex mutex_;
  // --- under mutex_
  std::vector<std::shared_ptr<input_queue>> queues_;
  struct order_entry {
    input_queue* queue = nullptr;  ///< nullptr: a task
  };
  ring<order_entry> order_;
  std::map<input_queue*, std::size_t> void_entries_;
  struct task {
    std::weak_ptr<instance> who;
    std::function<void(emitter&)> run;
  };
  std::deque<task> tasks_;
  struct control_item {
    std::size_t port = 0;
    packet what;
    input_queue* direct_from = nullptr;
  };
  std::deque<control_item> control_;
  std::vector<input_group> groups_;
  bool scheduled_ = false;
  phase phase_ = phase::fresh;
  bool open_wanted_ = false;
  bool restart_wanted_ = false;
  bool close_wanted_ = false;
  bool force_ = false;
  bool stop_source_ = false;
  bool source_ended_ = false;
  timestamp due_until_ = timestamp::min();
  timestamp next_until_;
  timestamp began_;
  std::int64_t tick_due_ = -1;
  std::int64_t next_tick_ = 0;
  std::int64_t deadline_k_ = -1;
  std::vector<std::int64_t> restarts_at_ns_;
  std::uint64_t restarts_ = 0;
  std::string last_error_;
  std::map<std::string, std::int64_t, std::less<>> counters_;
  std::shared_ptr<instance> instance_;
  std::shared_ptr<instance> opening_instance_;  ///< in `open`: what its threads post waits for it
  std::shared_ptr<batch> batch_;
  std::unique_ptr<clock> late_clock_;   ///< prepared: stream time as of when it will take part
  std::int64_t earlier_instances_ = 0;  ///< of the cell that it replaced
  bool has_draining_ = false;           ///< queues that drain
  timestamp retires_at_ = timestamp::min();
  // --- (token)
  std::vector<std::shared_ptr<actor_cell>> unblocked_;
  std::int64_t recent_max_ns_ = 0;
  std::int64_t last_call_end_ns_ = 0;
  std::shared_ptr<instance> calling_;
  epoch_number call_epoch_ = 0;
  std::uint64_t call_count_ = 0;
  int calling_kind_ = 0;
  input_queue* direct_from_ = nullptr;
  // --- by themselves
  mutable std::mutex outputs_mutex_;
  std::map<session_id, std::shared_ptr<session_outputs>> outputs_;
  std::shared_ptr<session_outputs> own_outputs_;  ///< session scope: the only one
  std::atomic<bool> prepared_{false};
  std::atomic<bool> retiring_{false};
  std::atomic<bool> handed_over_{false};  ///< retiring, and another instance continues its streams
  timestamp emits_from_ = timestamp::min();  ///< a source that came later: nothing from before
  std::atomic<int> blocked_{0};
  std::atomic<bool> control_waiting_{false};
  std::atomic<std::uint64_t> call_id_{0};  ///< odd: inside the component; 2: written off
  std::atomic<std::int64_t> call_began_ns_{0};
  std::atomic<bool> call_opens_{false};
  std::atomic<std::int64_t> busy_ns_{0};
  std::atomic<std::uint64_t> packets_in_{0};
  std::atomic<std::uint64_t> packets_out_{0};
  std::atomic<std::uint64_t> late_emits_{0};
  histogram times_;
};

}  // namespace hocket::host
