#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "actors/host/actor/executor.hpp"
#include "actors/host/fwd.hpp"
#include "actors/host/plan_revision.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/account_store.hpp"
#include "actors/host/run/interrupts.hpp"
#include "actors/host/run/observers.hpp"
#include "actors/host/run/openings.hpp"
#include "actors/host/run/run_activity.hpp"
#include "actors/host/run/run_clock.hpp"
#include "actors/host/run/session_table.hpp"
#include "actors/host/run/shutdown.hpp"
#include "actors/host/run/status_collector.hpp"
#include "actors/host/run/topology.hpp"
#include "actors/host/run/turn_timers.hpp"
#include "actors/host/run_changes.hpp"
#include "actors/host/runtime.hpp"
#include "actors/host/run/session_requests.hpp"
#include "actors/host/run/timers.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::host {

/// The newest plan of a run, and what it counts, for components.
class current_plan_view final : public run_watch {
 public:
  explicit current_plan_view(const graph_run& w) : run_(w) {}
  std::string name() const override;
  std::string hash() const override;
  std::string expanded_yaml() const override;
  std::string output_of(const packet_header& header) const override;
  run_figures figures() const override;
  bool tells_of_run(const packet_header& header) const override;

 private:
  const graph_run& run_;
};

/// Everything that the cells of one run share: each part has a header, and locks, of its own.
///
/// Threads: any. Lock order: an instance's `emitting`, the accounts' handover, topology, a cell's
/// mutex; never two cells at once.
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
  std::shared_ptr<host::executor> executor;
  host::observers observers;
  account_store accounts;
  host::topology topology;
  const current_plan_view view;  ///< what components see of the plan, whatever it is at the time
  run_activity activity;
  host::openings openings;
  session_table sessions;
  session_requests requests;
  host::interrupts interrupts;
  turn_timers turns;
  shutdown end;
  /// Where other hosts take part; nullptr in one process.
  std::unique_ptr<peer_hosts> peers;
  /// Changes the graph while it runs; nullptr: it stays as it is.
  std::unique_ptr<run_changes> changes;

  const plan_revision& current() const { return topology.current(); }
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

  /// This process comes back to a run that goes on: its actors open in the middle of it.
  void resume(std::int64_t began_ns) {
    time.begin(began_ns);
    resumed.store(true);
  }
  std::atomic<bool> resumed{false};
  /// Lets the sources go; stream time zero was at `began_ns` (monotonic).
  void start(std::int64_t began_ns);
  std::atomic<bool> started{false};
  std::atomic<std::uint64_t> lives{0};  ///< instances made so far

  /// A cell has opened, or will not.
  void opened(actor_cell& c, const result<void>& how);
  /// Checks the budgets that end in this actor; `now_ns` 0 = ask the clock.
  void note_hand_over(actor_index actor, const queued_packet& e, std::int64_t now_ns);
  snapshot status() const { return status_.collect(); }

  void notify_loop();  ///< something changed that the end may wait for
  std::function<void()> on_notify;

 private:
  mutable status_collector status_;
};

}  // namespace hocket::host
