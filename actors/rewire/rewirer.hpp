#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/distributed/remote_links.hpp"
#include "actors/host/plan_revision.hpp"
#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"
#include "actors/rewire/options.hpp"

namespace hocket::rewire {

/// Makes the running graph another one, in two steps. *Prepare*: new and replaced actors open
/// beside the old ones and get nothing; what fails there is undone, and the old graph has not
/// noticed. *Commit*, at the end of a micro-turn: links change over, queue by queue, without a stop
/// of the whole: what waits in front of a replaced actor moves to its replacement in order; a cell
/// that retires finishes what it has taken and closes, and its replacement begins after that.
///
/// Threads: run() from any, one at a time; commit on the timers' thread, or in virtual time the
/// loop's.
class rewirer {
 public:
  /// `links`: those to other hosts; nullptr: there are none.
  rewirer(graph_run& run, const options& how, distributed::remote_links* links);

  rewire_outcome run(rewire_request request);
  /// Refused, where the request is about another revision than the one that runs. No other rewire may
  /// begin meanwhile.
  std::optional<rewire_outcome> outdated(const rewire_request& request) const;
  /// Goes through what is known beforehand; returns when that is done, or the run is over. Virtual
  /// time waits before each boundary until its rewire was asked for.
  void follow();

  /// A change from its plan to its end.
  struct change {
    plan wanted;  ///< as the new file says it
    rewire_plan what;
    std::unique_ptr<const plan_revision> next;
    const plan_revision* target = nullptr;  ///< the same, also after it was installed
    std::vector<bool> fresh;                ///< by actor: new cells here
    std::map<std::pair<actor_index, session_id>, std::shared_ptr<actor_cell>> prepared;
    timestamp at;
    rewire_request request;
    rewire_outcome out;
    bool decided = false;
    bool leads = false;     ///< over several hosts, which do it by this one's word
    bool over = false;      ///< committed or given up
    bool at_work = false;   ///< one of its steps at the boundary is under way: it is waited for
    bool given_up = false;  ///< no such step begins any more
    bool moves = false;     ///< an actor changes its host, whichever these are
    /// By number: the host that an actor comes from which is here from now on.
    std::map<actor_index, std::string> comes_from;
    /// Several hosts: tells the others that what retired here has closed, if anything `moves`.
    std::function<void()> has_left;
    /// Whether another host has said so, and nothing of the actor that was there (`was`: its number) is
    /// on its way here; or the host is gone.
    std::function<bool(const std::string& host, actor_index was)> left;
  };
  /// The steps of run(), for several hosts; real time. The outcome's state says how it went:
  /// `planned` after a prepare that may be committed.
  std::shared_ptr<change> draft(rewire_request request);
  void prepare(const std::shared_ptr<change>& c);
  /// Reports that this host is about to agree to it. It does not where that cannot be kept:
  /// `rewire.cannot_keep` in the outcome.
  void record_vote(change& c);
  /// Reports the decision to the owner of the history; once.
  void record_decision(change& c) const;
  /// Decided: at the end of micro-turn `k`, or at once where that is over. Waits until all has
  /// settled. The decision is recorded first, so that a process that is killed from then on goes on
  /// with it; but where this host leads when it is done: the word that it sent may have died with it,
  /// and until then what it keeps is its vote.
  void commit_at(const std::shared_ptr<change>& c, std::int64_t k);
  void abort(change& c, std::string host, std::string code, std::string why);
  int revision() const { return revision_.load(); }
  /// Called by a retiring cell that has closed, or is lost.
  void retired(actor_cell& c);
  /// Prepared cells: nothing else knows them, and they may hang.
  void add_prepared(std::vector<std::shared_ptr<actor_cell>>& cells) const;

 private:
  using actor_key = std::pair<actor_index, session_id>;
  struct transition;

  rewire_outcome run_one(rewire_request request);
  result<void> plan_change(change& c);
  bool may_begin(rewire_outcome& out) const;
  void run_virtual(const std::shared_ptr<change>& c);
  /// Does a step of it at its boundary, unless it was given up; the `last` one ends it.
  void at_boundary(const std::shared_ptr<change>& c, int rank, std::function<void()> step,
                   bool last);
  /// False where the run ended first: it is given up, and none of its steps is under way.
  bool wait_until_over(change& c);
  timestamp next_boundary(timestamp not_before) const;
  void report(change& c);
  /// The revision that it makes.
  int number_of(const change& c) const;

  // prepare.cpp
  void prepare_actors(change& c, bool sources, timestamp begins);
  /// False where one did not open: its reason is in the outcome. `limit_ns` 0: do not wait.
  bool check_untried(change& c);
  bool all_opened(change& c, std::int64_t deadline_ns);
  void roll_back(change& c);
  void fail(change& c, std::string code, std::string why);

  // commit.cpp
  void commit(change& c);
  void take_places(topology_edit& edit, change& c, transition& s);
  void connect_queues(topology_edit& edit, change& c, transition& s);
  void connect_outputs(topology_edit& edit, change& c, transition& s);
  void reroute(change& c, transition& s, actor_cell& sender);
  void drain_old_queues(change& c, transition& s);
  void retire_old(change& c, transition& s);
  void report_packets(change& c, const transition& s) const;
  void set_limits(change& c, transition& s);
  /// It writes files that no revision of this run has written: what lies there is an earlier run's,
  /// and not to be gone on with.
  bool writes_anew(const plan& next, actor_index a) const;
  void note_files(const plan& graph);

  // settle.cpp
  void begin(const std::shared_ptr<actor_cell>& replacement,
             const std::shared_ptr<actor_cell>& before);
  /// It comes from another host, and begins when what it was there has closed.
  bool waits_for_host(const change& c, const std::shared_ptr<actor_cell>& replacement);
  void begin_arrived(change& c, bool too_late);
  void collect_books(const std::shared_ptr<actor_cell>& c);
  void wait_until_settled(change& c, const snapshot& before, std::int64_t began_ns);

  graph_run& run_;
  const options& how_;
  distributed::remote_links* const links_;
  std::mutex running_;  ///< one rewire at a time
  std::atomic<int> revision_;
  std::atomic<bool> follows_{false};  ///< planned rewires
  std::atomic<std::int64_t>
      pause_next_ns_;  ///< until where time may go when this one was asked for
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<actor_key, std::shared_ptr<actor_cell>> prepared_;
  std::map<const actor_cell*, std::pair<std::shared_ptr<actor_cell>, std::shared_ptr<actor_cell>>>
      retiring_;  ///< a retiring cell, and the one that waits for its end
  /// The host that an actor comes from, and the cell that waits until it has closed there.
  std::vector<std::pair<std::string, std::shared_ptr<actor_cell>>> arriving_;
  timestamp at_;
  std::set<std::string> written_;  ///< by revisions so far
};

}  // namespace hocket::rewire
