#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "actors/host/actor/input_queue.hpp"

namespace hocket::host {

/// The queues of one session in front of a cell, for the policies that make sets.
struct input_group {
  session_id session = session_id::none;
  std::vector<input_queue*> queues;
  std::int64_t next_k = 0;  ///< the micro-turn that is handed over next
};

/// When the queues of a cell hold a set that can be handed over, and which span of time it covers:
/// one class per policy that makes sets (`aligned`, `micro_turn`).
///
/// Threads: under the cell's mutex.
class set_gatherer {
 public:
  /// nullptr: the policy hands packets over one by one.
  static std::unique_ptr<set_gatherer> make(input_policy policy, const micro_turn_grid& grid,
                                            bool is_virtual);
  set_gatherer(const micro_turn_grid& grid, bool is_virtual)
      : grid_(grid), is_virtual_(is_virtual) {}
  virtual ~set_gatherer() = default;

  /// A queue of a session; its first set is that of `now`.
  void add(input_queue& q, timestamp now);
  void remove(const input_queue& q);
  void remove_session(session_id id);
  void clear() { groups_.clear(); }

  /// Some session has a set.
  bool any_ready(timestamp now) const;
  /// The session of this queue has none.
  bool starved(const input_queue& q, timestamp now) const;
  /// A set to be taken: what lies in [from, to) of the group's queues.
  struct due {
    input_group* group = nullptr;
    std::int64_t k = 0;
    timestamp from, to;
  };
  /// The sets of all sessions that have one; each counts as handed over.
  std::vector<due> take(timestamp now);
  /// The time of micro-turn `k` is over, with its grace: what is there goes.
  virtual void deadline(std::int64_t) {}
  /// … with what it takes to settle: what is complete goes, without those that are not.
  virtual void over(std::int64_t) {}
  /// A packet whose set is gone comes too late; else it joins the next one.
  virtual bool is_late(payload_kind kind) const = 0;

  /// For the cell that replaces this one: where each session is.
  std::map<session_id, std::int64_t> positions() const;
  void go_on_from(const std::map<session_id, std::int64_t>& positions);

 protected:
  virtual bool ready(const input_group& g, timestamp now) const = 0;
  virtual due next(input_group& g, timestamp now) = 0;
  /// It has forward inputs, and all of them ended.
  static bool forward_ended(const input_group& g);

  const micro_turn_grid grid_;
  const bool is_virtual_;
  std::vector<input_group> groups_;  ///< by session
};

}  // namespace hocket::host
