#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "actors/host/accounts.hpp"
#include "actors/host/fwd.hpp"
#include "actors/host/actor/ring.hpp"

namespace hocket::host {

/// A packet in a queue, with the times the trace, the ages and the virtual back edges need.
struct queued_packet {
  packet item;
  std::int64_t queued_ns = 0;  ///< monotonic
  timestamp queued_at;         ///< stream time
};

/// What never changes about a queue.
struct queue_setup {
  std::size_t link = 0;  ///< in the plan
  std::size_t port = 0;  ///< of the receiver
  queue_spec spec;
  bool back_edge = false;
  bool lets_sender_go = false;                    ///< a full queue never stops its sender
  input_policy policy = input_policy::immediate;  ///< of the receiver
  session_id session = session_id::none;
  micro_turn_grid grid;
  std::weak_ptr<actor_cell> sender;
};

/// True for what an interruption makes worthless once it is old: sound, pictures, numbers, words.
/// Delegations, tool calls and results, training data, adapters and control are transactions with
/// ids and a cancellation of their own: an epoch never drops them.
bool is_perishable(payload_kind kind);

/// The bounded queue of one link in front of one actor instance, for one session.
///
/// Threads: everything under the mutex of the receiving cell, except is_stale() and the age limit.
class input_queue : public std::enable_shared_from_this<input_queue> {
 public:
  explicit input_queue(queue_setup setup)
      : setup_(std::move(setup)), max_age_ms_(setup_.spec.max_age_ms) {}

  const queue_setup& setup() const { return setup_; }
  session_id session() const { return setup_.session; }
  std::size_t port() const { return setup_.port; }
  bool back_edge() const { return setup_.back_edge; }

  enum class effect {
    refused,  ///< dropped at the door
    swapped,  ///< took the place of an older one: the queue is as long as before
    added,
  };
  /// Puts a packet in, by the policy. Counts it as sent, and what it displaces as dropped.
  /// `is_host_lost`: nobody takes anything out, and the sender of a `block` queue does not wait.
  effect push(queued_packet&& e, bool is_host_lost = false);
  /// Counts a packet as sent and dropped at once.
  void refuse(drop_reason why) {
    ++account_.sent;
    account_.drop(why);
    settled(1);
  }
  /// Called with how many packets are gone for good, handed to the component or dropped. Under the
  /// receiver's mutex; set before the first packet comes.
  std::function<void(std::uint32_t)> on_settled;
  void settled(std::size_t n) const {
    if (on_settled && n > 0) on_settled(static_cast<std::uint32_t>(n));
  }

  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  const queued_packet& at(std::size_t i) const { return items_[i]; }
  /// Takes the oldest out and counts it as taken.
  queued_packet take() {
    ++taken_;
    return items_.take_front();
  }
  /// Takes out, in order, all whose ts is before `end`; taken afterwards.
  void take_before(timestamp end, timestamp settled_at, std::vector<queued_packet>& out);
  /// Gives back what was taken but never handed over.
  void put_back(queued_packet e) {
    --taken_;
    items_.push_front(std::move(e));
  }
  void settle_delivered(std::uint64_t n) {
    taken_ -= n;
    account_.delivered += n;
    settled(n);
  }
  void settle_dropped(drop_reason why, std::uint64_t n = 1) {
    taken_ -= n;
    account_.drop(why, n);
    settled(n);
  }
  /// Counts a packet that never enters the queue but goes straight to the component.
  void deliver_direct() {
    ++account_.sent;
    ++taken_;
  }
  /// Drops what is queued (not what is taken); returns how many went.
  std::size_t purge(drop_reason why);
  /// Drops perishable packets of an epoch before `epoch`, now and whenever they come.
  std::size_t purge_older_than(epoch_number epoch);
  bool is_stale(const packet& p) const {
    return p.header.epoch < stale_below_.load(std::memory_order_acquire) && is_perishable(p.kind());
  }
  bool has_age_limit() const { return max_age_ms_.load(std::memory_order_relaxed) > 0; }
  /// True where a packet is older than max_age_ms.
  bool is_too_old(const queued_packet& e, timestamp now) const {
    const auto limit_ms = max_age_ms_.load(std::memory_order_relaxed);
    return limit_ms > 0 && now - e.queued_at > std::chrono::milliseconds(limit_ms);
  }

  /// True where one more packet would find no room.
  bool full() const { return items_.size() >= static_cast<std::size_t>(setup_.spec.size); }
  /// Where even a queue that may not stop its sender must drop.
  std::size_t hard_limit() const;
  /// The same for a host that is lost: as many packets like this one as are 64 MiB, at least a whole queue.
  std::size_t limit_for_lost(const packet& p) const;

  /// No packet before this will come.
  timestamp bound() const { return bound_; }
  void raise_bound(timestamp t) {
    if (t > bound_) bound_ = t;
  }
  bool ended() const { return ended_; }
  void set_ended() {
    ended_ = true;
    bound_ = timestamp::max();
  }
  bool drained() const { return ended_ && items_.empty() && taken_ == 0; }

  const account& books() const { return account_; }
  std::uint64_t in_flight() const { return items_.size() + taken_; }

  std::int64_t blocked_since_ns = 0;    ///< the sender waits for room; 0 = it does not
  bool removed = false;                 ///< its session was retired
  bool end_told = false;                ///< on_control(end_of_stream) was called
  timestamp handed = timestamp::min();  ///< sets before this were handed over: later ones are late

  // Rewire.
  bool draining = false;  ///< its link was taken out: drains, and its end is not announced
  /// What one queue hands over to the one that replaces it.
  struct queue_state {
    std::vector<queued_packet> items;
    timestamp bound = timestamp::min(), handed = timestamp::min();
    epoch_number stale_below = 0;
    std::int64_t blocked_since_ns = 0;
    bool ended = false, end_told = false;
  };
  /// Gives up what is queued (not what is taken): it counts as sent to the replacement alone.
  queue_state export_state();
  void import_state(queue_state&& e);
  /// Another policy from now on; what it has no room for is dropped as `rewired`. Returns how many.
  std::size_t set_policy(const queue_spec& spec);
  void set_sender(const std::shared_ptr<actor_cell>& sender) { setup_.sender = sender; }
  /// A new life of the sender goes on after the end of the old one.
  void reopen() { ended_ = end_told = false; }

  /// Ends a sender's wait; returns the cell to wake.
  std::shared_ptr<actor_cell> unblock_sender(std::int64_t now_ns);

 private:
  bool keeps_beside(const packet& p) const;

  queue_setup setup_;
  ring<queued_packet> items_;
  account account_;
  std::uint64_t taken_ = 0;
  std::atomic<epoch_number> stale_below_{0};
  /// Of the spec: asked about packets that were taken out, while a rewire changes the queue.
  std::atomic<std::int64_t> max_age_ms_;
  timestamp bound_ = timestamp::min();
  bool ended_ = false;
};

/// The time at which a packet's content ends: the bound it settles.
timestamp end_of(const packet& p);

}  // namespace hocket::host
