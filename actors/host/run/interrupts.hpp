#pragma once

#include <string>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/run/session_state.hpp"

namespace hocket::host {

/// Interruptions of conversations: what was said before goes from the queues downstream, the epoch
/// rises, and every actor is told.
///
/// Threads: any. Of a session, one at a time.
class interrupts {
 public:
  explicit interrupts(graph_run& run) : run_(run) {}
  /// `by`: the cell whose component interrupts; nullptr = from outside.
  void raise(session_id id, const actor_cell* by);
  /// Another host raised it; `by`: the name of the actor there; "": from outside.
  void raised_elsewhere(session_id id, epoch_number epoch, const std::string& by);

 private:
  void apply(session_state& session, const std::vector<actor_index>& from, epoch_number epoch,
             const actor_cell* by);
  graph_run& run_;
};

}  // namespace hocket::host
