#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/histogram.hpp"
#include "actors/host/status.hpp"

namespace hocket::host {

/// What closed sessions and removed queues and cells leave behind: the counters of a run never
/// fall, and its accounts add up in every snapshot.
///
/// Threads: any. The accounts' mutex is a leaf: a cell takes it under its own. The totals of actors
/// belong to the topology lock.
class account_store {
 public:
  /// While it lives no packet changes queues and no account is read: before the topology lock.
  std::unique_lock<std::mutex> freeze() const { return std::unique_lock(handover_); }
  /// Links and actors of the newest plan. Topology lock held, or before the start.
  void resize(std::size_t links, std::size_t actors);

  /// A packet for a session, or over a link, that is gone: counted on its link.
  void count_undeliverable(std::size_t link, drop_reason why = drop_reason::session_closed);
  void add(std::size_t link, const account& books);
  /// By link.
  void add(const std::vector<account>& books);
  void add_to(std::vector<link_account>& links) const;

  /// A cell that is over. Topology lock held.
  void add_actor(const actor_cell& c);
  /// What all such cells of the actors did. Topology lock held.
  void add_to(std::vector<actor_status>& actors, std::vector<histogram::counts>& times,
              std::vector<std::int64_t>& busy_ns) const;

 private:
  struct totals {
    actor_status status;
    histogram::counts times{};
    std::int64_t busy_ns = 0;
  };
  /// Held while packets change queues, and while books are read: after `emitting`, before the
  /// topology lock.
  mutable std::mutex handover_;
  mutable std::mutex mutex_;
  std::vector<account> accounts_;  ///< by link; under mutex_
  std::vector<totals> actors_;     ///< under the topology lock
};

/// What only grows of one row of a snapshot, added to another.
void add_totals(actor_status& into, const actor_status& from);

}  // namespace hocket::host
