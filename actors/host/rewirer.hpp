#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/rewire.hpp"
#include "actors/host/wiring.hpp"

namespace hocket::host {

/// Makes the running graph another one, in two steps. *Prepare*: new and replaced actors open on
/// trial, beside the old ones and fed by nobody; whatever fails there is undone, and the old graph
/// has not noticed. *Commit*, at the end of a micro-turn: links change over, queue by queue, without
/// a stop of the whole: what waits in front of a replaced actor moves to its heir in order, who
/// leaves finishes what it has in hand and says its last words, and its heir begins after that.
///
/// Threads: run() from any, one at a time; commit on the timers' thread, or in virtual time the
/// loop's.
class rewirer {
 public:
  explicit rewirer(world& w);

  rewire_outcome run(rewire_request request);
  /// Goes through what is known beforehand; returns when that is done, or the run is over. Virtual
  /// time waits before each boundary until its rewire was asked for.
  void follow(const std::vector<planned_rewire>& agenda);

  /// A change from its plan to its end.
  struct change {
    plan wanted;  ///< as the new file says it
    rewire_plan what;
    std::unique_ptr<const wiring> next;
    const wiring* wired = nullptr;  ///< the same, also after it was installed
    std::vector<bool> fresh;        ///< by actor: new cells here
    std::map<std::pair<actor_index, session_id>, std::shared_ptr<cell>> trial;
    timestamp at;
    rewire_request request;
    rewire_outcome out;
    bool decided = false;
    bool over = false;  ///< committed or given up
  };
  /// The steps of run(), for several hosts; real time. The outcome's state says how it went:
  /// `planned` after a prepare that may be committed.
  std::shared_ptr<change> draft(rewire_request request);
  void prepare(const std::shared_ptr<change>& c);
  /// Who keeps what a restart needs is told; once. Before anybody else may act on the decision.
  void decide(change& c) const;
  /// Decided: at the end of micro-turn `k`, or at once where that is over. Waits until all has settled.
  void commit_at(const std::shared_ptr<change>& c, std::int64_t k);
  void give_up(change& c, std::string host, std::string code, std::string why);
  int revision() const { return revision_.load(); }
  /// Told by a cell that was to leave and has closed, or is lost.
  void left(cell& c);
  /// Cells on trial: nobody else knows them, and they may hang.
  void add_standing_by(std::vector<std::shared_ptr<cell>>& cells) const;

 private:
  using seat = std::pair<actor_index, session_id>;
  struct splice;

  rewire_outcome run_one(rewire_request request);
  result<void> plan_change(change& c);
  bool may_begin(rewire_outcome& out) const;
  void run_virtual(const std::shared_ptr<change>& c);
  bool wait_until_over(change& c);
  timestamp next_boundary(timestamp not_before) const;
  void tell_host(change& c);
  /// The revision that it makes.
  int number_of(const change& c) const;

  // Prepare.
  void stand_by(change& c, bool sources, timestamp begins);
  /// False where one did not open: its reason is in the outcome. `limit_ns` 0: do not wait.
  bool all_opened(change& c, std::int64_t deadline_ns);
  void roll_back(change& c);
  void fail(change& c, std::string code, std::string why);

  // Commit: rewirer_commit.cpp
  void commit(change& c);
  void take_seats(change& c, splice& s);
  void lay_queues(change& c, splice& s);
  void give_outlets(change& c, splice& s);
  void reroute(change& c, splice& s, cell& sender);
  void let_queues_go(change& c, splice& s);
  void set_limits(change& c, splice& s);
  void begin(const std::shared_ptr<cell>& heir, const std::shared_ptr<cell>& before);
  void bury(const std::shared_ptr<cell>& c);
  void settle(change& c, const snapshot& before, std::int64_t began_ns);

  world& world_;
  std::mutex running_;  ///< one rewire at a time
  std::atomic<int> revision_;
  std::atomic<bool> follows_{false};        ///< an agenda
  std::atomic<std::int64_t> hold_next_ns_;  ///< until where time may go when this one was asked for
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<seat, std::shared_ptr<cell>> standing_by_;
  std::map<const cell*, std::pair<std::shared_ptr<cell>, std::shared_ptr<cell>>>
      leaving_;  ///< who leaves, and who waits for that
  timestamp at_;
};

}  // namespace hocket::host
