#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/host/histogram.hpp"
#include "actors/host/input_queue.hpp"
#include "actors/host/world.hpp"

namespace hocket::host {

/// One way out of a cell: the queue of a link at its receiver.
struct route {
  std::shared_ptr<cell> to;
  std::shared_ptr<input_queue> queue;
  /// The sender goes with a rewire, and another instance goes on with this link: it does not end.
  bool passes_on = false;
};

/// What is known of one output stream of one session.
struct stream_state {
  std::uint64_t next_seq = 0;
  timestamp last_ts = timestamp::min();
  bool ended = false;
};

/// Where the packets of one session go from one cell. The routes change under the `emitting` of the
/// cell's instance and its outlets_mutex_ both: who holds one of them may read.
struct outlet {
  std::shared_ptr<session_state> session;  ///< nullptr: no session
  std::vector<std::vector<route>> routes;  ///< by output port
  std::vector<stream_state> streams;       ///< by output port
  session_id id() const { return session ? session->id : session_id::none; }
};

/// Where the content of a call comes from: its oldest input.
struct origin {
  bool known = false;
  timestamp ts;
  std::int64_t ns = 0;
  std::int64_t queued_ns = 0;
  trace way;
  void note(const entry& e);
};

/// One life of a component: a restart makes a new one.
struct instance {
  std::unique_ptr<component> part;
  context surroundings;
  std::mutex emitting;        ///< held per emit, so that a written-off thread is cut off cleanly
  bool abandoned = false;     ///< under `emitting`
  std::atomic<int> holds{0};  ///< work under way that will still be told
};

/// What a cell took from its queues for the component: packets one by one, or sets.
struct hand {
  struct item {
    entry what;
    input_queue* from = nullptr;
    bool dropped = false;
    drop_reason why = drop_reason::too_old;
  };
  std::vector<item> items;
  std::size_t at = 0;       ///< items before it are done
  std::size_t settled = 0;  ///< items before it are in the books
  std::vector<bundle> sets;
  std::vector<origin> set_origins;
  std::vector<std::pair<input_queue*, std::uint64_t>> set_uses;
  bool sets_failed = false;
  bool empty() const { return at == items.size() && sets.empty(); }
  void clear_sets();
};

/// The queues of one session in front of a cell, for the policies that make sets.
struct set_group {
  session_id session = session_id::none;
  std::vector<input_queue*> queues;
  std::int64_t next_k = 0;
};

enum class phase : std::uint8_t { fresh, opening, open, restarting, lost, closing, closed };

/// One actor instance with its inbox: the unit that is scheduled, supervised and accounted for.
/// A session-scoped actor has one cell per session, a shared one has one cell.
///
/// Threads: the inbox functions from anywhere; run() from the one thread that the executor gives
/// it. Who set `scheduled_` owns the cell's token: all members marked (token) are his.
class cell : public std::enable_shared_from_this<cell> {
 public:
  cell(std::shared_ptr<world> w, const wiring& wired, actor_index actor, session_id session);

  const std::string& name() const { return name_; }
  actor_index actor() const { return actor_; }
  session_id session() const { return session_; }
  /// A rewire may put another one in its place, for supervision; old ones stay valid.
  const plan_actor& spec() const { return *spec_.load(std::memory_order_acquire); }
  const component_info& info() const { return info_; }
  bool is_shared() const { return info_.scope == instance_scope::shared; }
  bool is_source() const { return info_.source; }
  /// Here, or a proxy for somebody on another host.
  standing stand() const { return stand_; }
  bool makes_sets() const {
    return policy_ == input_policy::aligned || policy_ == input_policy::micro_turn;
  }

  // Wiring (topology lock held).
  std::shared_ptr<input_queue> add_queue(queue_setup setup);
  void add_outlet(std::shared_ptr<outlet> out);
  void remove_session(session_id id, std::vector<account>& retired);
  void break_routes();
  void each_route(const std::function<void(const outlet&, const route&)>& f) const;
  /// When a source that produced up to `t` is called next.
  timestamp until_after(timestamp t) const;

  // Inbox: inbox.cpp
  /// True where the sender must wait: it was blocked once more and will be unblocked.
  void push(input_queue& q, entry&& e, cell* sender);
  void refuse(input_queue& q, drop_reason why);
  void raise_bound(input_queue& q, timestamp bound);
  void end_input(input_queue& q);
  void control_lane(std::size_t port, packet p);
  void purge_older(session_id id, const std::vector<bool>& links, epoch_number epoch);
  bool post_task(const std::shared_ptr<instance>& who, std::function<void(emitter&)> f);
  void source_due(timestamp until);
  void tick_due(std::int64_t k);
  void deadline(std::int64_t k);
  void unblock();
  void wake();
  /// An outlet: no room on the wire; unblock() ends it.
  void wait_for_room() { blocked_.fetch_add(1, std::memory_order_acq_rel); }
  bool blocked() const { return blocked_.load(std::memory_order_acquire) > 0; }
  /// An inlet: whether everything that it stands for has ended.
  void set_inlet_ended(bool ended);
  /// An inlet: called when nobody behind it is full any more. Set before anything arrives.
  std::function<void()> on_unblocked;

  // Life: life of one component
  void request_open();
  void request_release(bool force);
  void restart_now();
  void stop_source();
  /// `limit_ns` 0: the watchdog of the graph file.
  void check_hang(std::int64_t now_ns, std::int64_t limit_ns = 0);
  bool source_done() const;
  phase state() const;
  bool has_queued() const;
  /// Everything that comes forward ended and drained; only echoes may still come.
  bool waits_for_echo() const;

  // Rewire: splice.cpp
  /// Before request_open(): it opens on trial, is fed nothing and makes nothing until take_up().
  /// `heir_of`: whose place it is to take, or nobody's; `begins`: when it will take part.
  void stand_by(const cell* heir_of, timestamp begins);
  /// Its place is its own now, though it does not take part yet.
  void take_seat() { trial_.store(false, std::memory_order_release); }
  bool on_trial() const { return trial_.load(std::memory_order_acquire); }
  /// From stream time `t` on: the end of standing by. `before`: whose streams it goes on with.
  void take_up(timestamp t, cell* before);
  /// Finishes what it has in hand and closes, with its last words. `passes_on`: another instance
  /// goes on with its streams, which do not end. A source makes what belongs before `at`.
  void leave(bool passes_on, timestamp at);
  bool is_leaving() const { return leaving_.load(std::memory_order_acquire); }
  bool is_over() const;  ///< closed or lost
  void adjust(const plan_actor& spec) { spec_.store(&spec, std::memory_order_release); }
  /// Other routes for one session; `moved` is called while nothing can be emitted.
  void reroute(session_id id, std::vector<std::vector<route>> routes,
               const std::function<void()>& moved);
  std::vector<std::vector<route>> routes_of(session_id id) const;
  std::shared_ptr<input_queue> queue_of(std::size_t link, session_id id) const;
  std::vector<std::shared_ptr<input_queue>> all_queues() const;
  std::shared_ptr<cell> sender_of(const input_queue& q) const;
  input_queue::estate surrender(input_queue& q);
  void inherit(input_queue& q, input_queue::estate&& e);
  /// The queue drains and goes; nobody is told of its end. `now`: its sender is rerouted already.
  void let_go(input_queue& q, bool now);
  void requeue(input_queue& q, const queue_spec& spec);
  /// Takes queues away that were let go and have drained.
  void reap();
  /// All that is left of it, into the books of the run.
  void bury(const std::function<void(std::size_t link, const account& books)>& keep);

  /// One turn on a thread; returns when there is nothing to do or others should go first.
  void run();
  /// Sends a cell that was taken to be run to the executor once more.
  void repost() { world_.exec->post_again(*this); }

  /// The component has work under way that it will still tell about.
  bool holds() const;

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
  void enter_sender(input_queue& q, const std::shared_ptr<cell>& sender);
  bool next_job(job& j);
  bool pick(job& j);
  bool pick_items();
  bool pick_sets();
  void collect(set_group& g, std::int64_t k, timestamp from, timestamp to);
  bool group_ready(const set_group& g) const;
  bool micro_turn_settled(const set_group& g) const;
  bool forward_ended(const set_group& g) const;
  bool sets_ready() const;
  bool aligned_ready(const set_group& g, timestamp& t) const;
  set_group& group_of(session_id id);
  bool pick_ended_input(job& j);
  bool may_close() const;
  bool has_work() const;
  drop_reason gone_reason() const {
    return is_leaving() ? drop_reason::rewired : drop_reason::session_closed;
  }
  void settle_hand();
  void relieve(input_queue& q, std::vector<std::shared_ptr<cell>>& freed);
  void drop_all(drop_reason why);
  bool schedule();  ///< mutex held; true where the executor must be told
  void drop_tokens(input_queue& q, std::size_t n);
  void admit_later(input_queue& q);
  void admit(input_queue& q);

  enum class outcome : std::uint8_t { fine, failed, written_off };
  /// Calls into the component: timed, watched, no exception comes out.
  template <class F>
  outcome call_as(const std::shared_ptr<instance>& who, std::int64_t began_ns, error& why, F&& f);
  bool perform(job& j);  ///< false: the thread was written off and must not touch the cell
  bool perform_simple(job& j, const std::function<result<void>(emitter&)>& f);
  bool perform_control(job& j);
  bool perform_items(job& j);
  bool perform_sets(job& j);
  bool perform_produce(job& j);
  bool perform_open();
  bool perform_close(job& j);
  void aim_at_home(emission& out);
  void end_source();
  context make_context(const std::shared_ptr<instance>& who);
  bool conclude(outcome how, const error& why);
  bool failed(const error& why);
  void decide(const error& why);
  void become_lost(const error& why);
  bool drop_instance();
  void forget_calls();  ///< mutex held: what waited for the instance that is gone
  bool finish_close();
  void hang();
  void rescue_hand();
  std::shared_ptr<outlet> outlet_of(session_id id) const;
  std::vector<std::shared_ptr<outlet>> open_outlets() const;  ///< of conversations that go on
  static epoch_number epoch_of(const outlet& o) {
    return o.session ? o.session->epoch.load(std::memory_order_acquire) : 0;
  }
  void end_outputs();
  void show_end();  ///< tells observers that the outputs end
  void count_bad(std::size_t port, const std::string& why);
  void add_count(std::string_view counter, std::int64_t add);
  void give_token_back();
  void tell_call(call_kind what, session_id session, std::int64_t began_ns, outcome how,
                 std::int64_t k = -1, std::span<const call_input> inputs = {});
  void tell_sets(std::int64_t began_ns, outcome how);
  void tell_hung();

  const std::shared_ptr<world> keep_;  ///< a thread that was left behind may come back late
  world& world_;
  const actor_index actor_;
  const session_id session_;
  const standing stand_;
  std::atomic<const plan_actor*> spec_;
  const std::string name_;
  const input_policy policy_;
  const component_info& info_;
  const bool traced_;  ///< a copy: asked for every call, it must not cost a line of the cache

  mutable std::mutex mutex_;
  // --- under mutex_
  std::vector<std::shared_ptr<input_queue>> queues_;
  struct token {
    input_queue* queue = nullptr;  ///< nullptr: a task
  };
  ring<token> order_;
  std::map<input_queue*, std::size_t> dead_tokens_;
  struct task {
    std::weak_ptr<instance> who;
    std::function<void(emitter&)> run;
  };
  std::deque<task> tasks_;
  struct control_item {
    std::size_t port = 0;
    packet what;
    input_queue* lent = nullptr;
  };
  std::deque<control_item> control_;
  std::vector<set_group> groups_;
  bool scheduled_ = false;
  phase phase_ = phase::fresh;
  bool open_wanted_ = false;
  bool restart_wanted_ = false;
  bool release_ = false;
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
  std::shared_ptr<hand> hand_;
  std::unique_ptr<clock> late_clock_;  ///< on trial: stream time as of when it will take part
  std::int64_t lives_before_ = 0;      ///< those whose place it took
  bool has_leavers_ = false;           ///< queues that were let go
  timestamp leaves_at_ = timestamp::min();
  // --- (token)
  std::vector<std::shared_ptr<cell>> freed_;
  std::int64_t recent_max_ns_ = 0;
  std::int64_t last_call_end_ns_ = 0;
  std::shared_ptr<instance> calling_;
  std::uint64_t call_count_ = 0;
  int calling_kind_ = 0;
  input_queue* lent_now_ = nullptr;
  // --- by themselves
  mutable std::mutex outlets_mutex_;
  std::map<session_id, std::shared_ptr<outlet>> outlets_;
  std::shared_ptr<outlet> own_outlet_;  ///< session scope: the only one
  std::atomic<bool> trial_{false};
  std::atomic<bool> leaving_{false};
  std::atomic<bool> passes_on_{false};  ///< leaving, and another instance goes on with its streams
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
