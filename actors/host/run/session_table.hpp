#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/run/session_state.hpp"
#include "graph/core/result.hpp"

namespace hocket::host {

/// How conversations come and go: their cells, queues and ways out are made, open, begin, drain
/// and are removed. Which there are is in the topology.
///
/// Threads: any.
class session_table {
 public:
  explicit session_table(graph_run& run) : run_(run) {}

  /// Conversations of a run that begins by itself: 1, 2, …
  std::vector<session_start> first() const;
  /// The shared actors, and those of the conversations: all are open afterwards. Errors:
  /// host.open_failed.
  result<void> open_all(const std::vector<session_start>& sessions);
  /// Closes what is open, before the sources went.
  void close_all_opened();

  /// A new one; none where this host does not lead, or the run takes no more.
  session_id open();
  /// Its actors open; its sources wait for start(). For session_requests.
  void prepare(session_id id);
  void start(session_id id);
  /// `from_peer`: another host closes it, and all hosts know.
  void close(session_id id, bool from_peer = false);

 private:
  std::vector<std::shared_ptr<actor_cell>> make(const session_start& s);
  void drain(session_id id, std::int64_t deadline_ns);
  void remove(session_id id);
  graph_run& run_;
};

}  // namespace hocket::host
