#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/plan_revision.hpp"
#include "actors/host/run/session_state.hpp"

namespace hocket::host {

class account_store;

/// The cells, sessions and plan revisions of a run. They change under its lock: cells and
/// sessions come and go through a topology_edit.
///
/// Threads: any.
class topology {
 public:
  topology(std::unique_ptr<const plan_revision> first, account_store& accounts);

  /// What runs now. Kept until the run is over: a rewire puts a newer one in its place.
  const plan_revision& current() const { return *current_.load(std::memory_order_acquire); }
  /// Some host's part of the plan has sources.
  bool has_sources() const { return has_sources_.load(); }

  /// Upstream first, and sessions in order.
  std::vector<std::shared_ptr<actor_cell>> cells() const;
  std::shared_ptr<session_state> find_session(session_id id) const;
  /// Those that drain are not among them.
  std::vector<session_id> open_sessions() const;
  std::size_t session_count() const;  ///< those that drain among them
  session_id next_session();          ///< a number that no session has had
  /// Lets all cells go.
  std::vector<std::shared_ptr<actor_cell>> detach();

 private:
  friend class topology_edit;
  friend class topology_view;
  void install(std::unique_ptr<const plan_revision> next);

  account_store& accounts_;
  std::atomic<const plan_revision*> current_{nullptr};
  std::atomic<bool> has_sources_{false};
  mutable std::mutex mutex_;
  // --- under mutex_
  std::vector<std::unique_ptr<const plan_revision>> revisions_;  ///< oldest first
  std::vector<std::shared_ptr<actor_cell>> cells_;
  std::map<session_id, std::shared_ptr<session_state>> sessions_;
  std::uint64_t next_session_ = 1;
};

/// A look at all of them at once: holds the topology lock for as long as it lives.
class topology_view {
 public:
  explicit topology_view(const topology& all) : all_(all), lock_(all.mutex_) {}
  const std::vector<std::shared_ptr<actor_cell>>& cells() const { return all_.cells_; }
  const std::map<session_id, std::shared_ptr<session_state>>& sessions() const {
    return all_.sessions_;
  }

 private:
  const topology& all_;
  std::lock_guard<std::mutex> lock_;
};

/// A change of them: holds the topology lock for as long as it lives. Under it, no cell is called
/// but to wire it up or to read its books.
class topology_edit {
 public:
  explicit topology_edit(graph_run& run);

  /// Upstream first.
  const std::vector<std::shared_ptr<actor_cell>>& cells() const;
  const std::map<session_id, std::shared_ptr<session_state>>& sessions() const;
  /// The cell of an actor for a session that does not retire; nullptr: there is none.
  std::shared_ptr<actor_cell> cell_of(actor_index actor, session_id id) const;
  /// The run waits for its end from now on.
  void add(const std::shared_ptr<actor_cell>& c);
  std::shared_ptr<session_state> add_session(const session_start& s);
  /// Upstream first, and sessions in order: so they open, close and are told.
  void sort(const plan_revision& by);
  /// It has closed: what it did stays in the totals of its actor.
  void remove(const std::shared_ptr<actor_cell>& c);
  /// The cells that it had alone; the shared ones lose its queues. What they did is kept.
  std::vector<std::shared_ptr<actor_cell>> remove_session(session_id id);
  /// The run goes on with this plan; sessions that open from here on find it.
  void install(std::unique_ptr<const plan_revision> next);
  /// Keeps a plan that never ran: cells that hang may hold on to it.
  void keep(std::unique_ptr<const plan_revision> unused);

 private:
  graph_run& run_;
  topology& all_;
  std::lock_guard<std::mutex> lock_;
};

}  // namespace hocket::host
