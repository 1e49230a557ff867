#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/host/fwd.hpp"
#include "graph/contract/packet.hpp"

namespace hocket::host {

/// The cells, sessions and plan revisions of a run while a rewire changes them: holds the topology
/// lock for as long as it lives. Under it, no cell is called but to wire it up.
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
  void sort(const plan_revision& by);
  /// It has closed: what it did stays in the totals of its actor.
  void remove(const std::shared_ptr<actor_cell>& c);
  /// The run goes on with this plan; sessions that open from here on find it.
  void install(std::unique_ptr<const plan_revision> next);
  /// Keeps a plan that never ran: cells that hang may hold on to it.
  void keep(std::unique_ptr<const plan_revision> unused);

 private:
  graph_run& run_;
  std::lock_guard<std::mutex> lock_;
};

}  // namespace hocket::host
