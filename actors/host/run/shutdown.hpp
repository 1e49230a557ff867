#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "actors/host/fwd.hpp"
#include "actors/host/runtime.hpp"

namespace hocket::host {

/// How a run ends: sources first, then everything drains, then actors close, upstream first.
///
/// Threads: any, but check(), check_hangs(), count_idle_ns(), close_next() and close_endless_loop(),
/// which are the watcher's (in virtual time of several hosts the loop's), and next_virtual(), which
/// is the loop's.
class shutdown {
 public:
  explicit shutdown(graph_run& run) : run_(run) {}

  /// `from_peer`: another host stops, and all hosts know.
  void stop(end_reason why, std::string detail, bool from_peer = false);
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  /// When stop() came (monotonic); 0: not yet.
  std::int64_t stop_at_ns() const { return stop_at_ns_.load(); }
  /// All sources ended and none will come: what has drained may close.
  bool ending() const { return ending_.load(std::memory_order_acquire); }
  void begin_ending();
  /// Begins to end where no source is left.
  void maybe_ending();
  /// The plan has sources, and this is no server that waits for conversations.
  bool ends_by_itself() const;

  // What cells tell.
  void cell_added(const actor_cell& c);
  void source_ended(const actor_cell& c);
  void cell_lost(actor_cell& c, const std::string& why);
  void cell_closed(actor_cell& c);

  int sources_open() const { return sources_open_.load(); }
  bool all_closed() const { return unclosed_.load(std::memory_order_acquire) == 0; }
  /// Closes the next cell that waits for its own back edges; true where one was there. Upstream
  /// first.
  bool close_next(bool force);
  /// The one that would be next; nullptr where all are closed. Proxies are not asked.
  std::shared_ptr<actor_cell> next_to_close() const;
  /// A packet runs in a circle though nothing new comes in: its cell closes after the time to drain.
  void close_endless_loop(std::int64_t now_ns);

  bool has_open_micro_turn() const;
  bool anyone_has_pending_work() const;
  /// How long nothing but ticks has happened; to be asked every few ms.
  std::int64_t count_idle_ns(std::int64_t now_ns);

  /// The watcher: calls that take too long.
  void check_hangs();
  /// Real time: called every few ms.
  void check();

  // Virtual time.
  /// Nothing is ready: what drained goes, then time does. True where something was moved.
  bool next_virtual();
  /// The end takes longer than the time to drain.
  bool overdue_virtual() const;
  /// Virtual time stays before this stream time until it is called again.
  static constexpr std::int64_t no_pause = INT64_MAX;
  void pause_time_before(std::int64_t before_ns);

  void finish();
  bool finished() const;
  run_summary wait();

 private:
  std::int64_t drain_limit_ns() const;
  void stalled();
  bool drain_virtual();

  graph_run& run_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ending_{false};
  std::atomic<int> sources_open_{0};
  std::atomic<int> unclosed_{0};
  std::atomic<std::int64_t> stop_at_ns_{0};
  std::atomic<std::int64_t> ending_at_ns_{0};  ///< on the timers' axis
  std::atomic<std::int64_t> pause_before_ns_{no_pause};
  // --- the watcher's
  const actor_cell* loop_of_ = nullptr;
  std::int64_t loop_since_ns_ = 0;
  std::int64_t idle_ns_ = 0;
  std::int64_t idle_seen_ns_ = 0;
  std::uint64_t idle_traffic_ = 0;
  std::int64_t stall_since_ns_ = 0;
  std::uint64_t stall_scheduled_ = 0;
  mutable std::mutex mutex_;
  // --- under mutex_
  std::condition_variable changed_;
  end_reason why_ = end_reason::finished;
  std::string detail_;
  bool finished_ = false;
  run_summary summary_;
};

}  // namespace hocket::host
