// The mailbox of a cell: what other threads do to it. Everything takes the mutex for a few lines.
#include <algorithm>

#include "actors/host/actor/actor_cell.hpp"

namespace hocket::host {
namespace {
constexpr std::size_t tasks_max = 65536;
}

bool actor_cell::schedule() {
  if (scheduled_) return false;
  scheduled_ = true;
  run_.activity.active.fetch_add(1, std::memory_order_relaxed);
  run_.activity.scheduled.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void actor_cell::wake() {
  {
    std::lock_guard lock(mutex_);
    if (scheduled_ || !has_work() || !schedule()) return;
  }
  run_.executor->post(*this);
}

void actor_cell::open_gate() {
  if (blocked_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (on_gate_open) on_gate_open();
  wake();
}

void actor_cell::release_senders() {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    for (auto& q : queues_)
      if (auto sender = q->unblock_sender(monotonic_ns())) unblocked.push_back(std::move(sender));
  }
  for (auto& sender : unblocked) sender->open_gate();
}

void actor_cell::set_sources_ended(bool ended) {
  {
    std::lock_guard lock(mutex_);
    pacing_.set_ended(ended);
  }
  if (ended) wake();
}

void actor_cell::push(input_queue& q, queued_packet&& e, actor_cell* sender) {
  bool tell = false;
  {
    std::lock_guard lock(mutex_);
    if (q.removed) {
      q.settled(1);
      return run_.accounts.count_undeliverable(q.setup().link, removed_reason());
    }
    if (phase_ == phase::lost) return q.refuse(drop_reason::actor_lost);
    if (phase_ == phase::closing || phase_ == phase::closed) return q.refuse(drop_reason::stopped);
    if (q.is_stale(e.item)) return q.refuse(drop_reason::old_epoch);
    const bool sets = makes_sets();
    const auto kind = e.item.kind();
    if (sets && kind == payload_kind::control) {
      q.deliver_direct();
      control_.push_back({q.port(), std::move(e.item), &q});
      control_waiting_.store(true, std::memory_order_relaxed);
    } else {
      if (sets && !q.back_edge() && e.item.header.ts < q.handed && sets_->is_late(kind))
        return q.refuse(drop_reason::late);
      const auto queued_ns = e.queued_ns;
      const bool blocks = q.setup().spec.full == full_policy::block && !q.setup().lets_sender_go;
      const bool is_host_lost = blocks && id_.role == actor_role::remote_sender &&
                                q.size() + 1 >= static_cast<std::size_t>(q.setup().spec.size) &&
                                id_.remote->is_lost(id_.actor);
      const auto before = q.size();
      const auto effect = q.push(std::move(e), is_host_lost);
      // Of several that made room one's turn is the new one's.
      if (!sets && blocks && q.size() < before) order_.void_next(q, before - q.size());
      if (effect == input_queue::effect::refused) return;
      if (q.back_edge()) run_.activity.back_edge_traffic.fetch_add(1, std::memory_order_relaxed);
      const bool held = run_.is_virtual() && q.back_edge();
      if (held && (effect == input_queue::effect::added || sets)) {
        admit_later(q);
      } else if (!sets && effect == input_queue::effect::added) {
        order_.push(q);
      }
      if (sender && blocks && !is_host_lost && q.blocked_since_ns == 0 && q.full() &&
          !(sets && q.size() < q.hard_limit() && sets_->starved(q, sets_now()))) {
        q.blocked_since_ns = std::max<std::int64_t>(queued_ns, 1);  // 0 is "not blocked"
        sender->blocked_.fetch_add(1, std::memory_order_acq_rel);
      }
    }
    tell = !scheduled_ && has_work() && schedule();
  }
  if (tell) run_.executor->post(*this);
}

void actor_cell::refuse(input_queue& q, drop_reason why) {
  std::lock_guard lock(mutex_);
  if (q.removed) return run_.accounts.count_undeliverable(q.setup().link, removed_reason());
  q.refuse(why);
}

// In virtual time a packet on a back edge is handed over at a later stream time than that of its
// sending: whatever the order within one step, the result is the same, and no packet runs in
// circles while time stands still.
void actor_cell::admit_later(input_queue& q) {
  run_.at(run_.now() + run_.layout().time_step, 0,
          [weak = weak_from_this(), queue = q.weak_from_this()] {
            const auto self = weak.lock();
            const auto q = queue.lock();
            if (self && q) self->admit(*q);
          });
}

void actor_cell::admit(input_queue& q) {
  bool tell = false;
  {
    std::lock_guard lock(mutex_);
    const bool here = std::any_of(queues_.begin(), queues_.end(),
                                  [&](const auto& mine) { return mine.get() == &q; });
    // What a rewire moved on waits elsewhere.
    if (!here || q.empty()) return;
    if (!makes_sets()) order_.push(q);
    tell = !scheduled_ && has_work() && schedule();
  }
  if (tell) run_.executor->post(*this);
}

void actor_cell::raise_bound(input_queue& q, timestamp bound) {
  {
    std::lock_guard lock(mutex_);
    q.raise_bound(bound);
    // On its way to another host a bound keeps its place behind the packets that it closes.
    if (id_.remote != nullptr && instance_ && tasks_.size() < tasks_max) {
      tasks_.push_back({instance_, [this, session = q.session(), bound](emitter&) {
                          id_.remote->send_bound(id_.actor, session, bound);
                        }});
      order_.push_task();
    }
  }
  wake();
}

void actor_cell::end_input(input_queue& q) {
  {
    std::lock_guard lock(mutex_);
    q.set_ended();
  }
  wake();
}

void actor_cell::control_lane(std::size_t port, packet p) {
  {
    std::lock_guard lock(mutex_);
    if (!instance_) return;  // no instance to get it
    control_.push_back({port, std::move(p), nullptr});
    control_waiting_.store(true, std::memory_order_relaxed);
  }
  wake();
}

void actor_cell::purge_older(session_id id, const std::vector<bool>& links, epoch_number epoch) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    for (auto& q : queues_) {
      const auto link = q->setup().link;
      if (q->session() != id || q->back_edge() || link >= links.size() || !links[link]) continue;
      const auto gone = q->purge_older_than(epoch);
      if (!makes_sets()) order_.void_next(*q, gone);
    }
    for (auto& q : queues_)
      if (q->session() == id) unblock_if_room(*q, unblocked);
  }
  for (auto& sender : unblocked) sender->open_gate();
  wake();
}

bool actor_cell::post_task(const std::shared_ptr<instance>& who, std::function<void(emitter&)> f) {
  {
    std::lock_guard lock(mutex_);
    if (instance_ != who && opening_instance_ != who) return false;
    if (phase_ == phase::closed || tasks_.size() >= tasks_max) return false;
    tasks_.push_back({who, std::move(f)});
    if (!makes_sets()) order_.push_task();
  }
  run_.activity.back_edge_traffic.fetch_add(1, std::memory_order_relaxed);
  wake();
  run_.notify_loop();
  return true;
}

void actor_cell::source_due(timestamp until) {
  {
    std::lock_guard lock(mutex_);
    pacing_.source_due(until);
  }
  wake();
}

void actor_cell::tick_due(std::int64_t k) {
  {
    std::lock_guard lock(mutex_);
    pacing_.tick_due(k);
  }
  wake();
}

void actor_cell::deadline(std::int64_t k) {
  {
    std::lock_guard lock(mutex_);
    if (sets_) sets_->deadline(k);
  }
  wake();
}

void actor_cell::turn_over(std::int64_t k) {
  {
    std::lock_guard lock(mutex_);
    if (sets_) sets_->over(k);
  }
  wake();
}

void actor_cell::request_open() {
  {
    std::lock_guard lock(mutex_);
    open_wanted_ = phase_ != phase::closed && phase_ != phase::lost;
  }
  wake();
}

void actor_cell::request_close(bool force) {
  {
    std::lock_guard lock(mutex_);
    close_wanted_ = true;
    force_ = force_ || force;
  }
  wake();
}

void actor_cell::restart_now() {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == phase::restarting) restart_wanted_ = true;
  }
  run_.activity.restarts_pending.fetch_sub(1);
  wake();
}

void actor_cell::stop_source() {
  {
    std::lock_guard lock(mutex_);
    pacing_.stop();
  }
  wake();
}

void actor_cell::remove_drained() {
  const auto still = run_.accounts.freeze();
  std::lock_guard lock(mutex_);
  has_draining_ = false;
  std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
    if (!q->draining) return false;
    if (!q->drained()) {
      has_draining_ = true;
      return false;
    }
    run_.accounts.add(q->setup().link, q->books());
    if (sets_) sets_->remove(*q);
    order_.forget(*q);
    q->removed = true;
    return true;
  });
}

phase actor_cell::state() const {
  std::lock_guard lock(mutex_);
  return phase_;
}

bool actor_cell::has_queued() const {
  std::lock_guard lock(mutex_);
  if (phase_ == phase::closed || phase_ == phase::lost) return false;
  return std::any_of(queues_.begin(), queues_.end(),
                     [](const auto& q) { return q->in_flight() > 0; });
}

bool actor_cell::has_work() const {
  if (open_wanted_ || restart_wanted_) return true;
  if (force_ && phase_ != phase::closed && phase_ != phase::closing) return true;
  if (!instance_) return false;
  if (!control_.empty()) return true;
  if (blocked_.load(std::memory_order_acquire) > 0) return false;
  if (batch_ && !batch_->empty()) return true;
  if (id_.is_source() && !pacing_.has_ended()) {
    if (pacing_.is_stopped() || run_.end.stopping()) return true;
    if (id_.info.blocking && !run_.is_virtual() && run_.started.load()) return true;
    if (pacing_.is_due()) return true;
  }
  if (pacing_.has_tick()) return true;
  if (!order_.empty() || !tasks_.empty()) return true;
  if (sets_ && sets_->any_ready(sets_now())) return true;
  for (const auto& q : queues_)
    if (q->drained() && !q->end_told) return true;
  return may_close();
}

// Every forward input ended and drained, and the source, if it is one, ended. Back edges do not
// hold the end up, but what went out last may still come back: the run closes the cell
// when all is idle.
bool actor_cell::may_close() const {
  if (phase_ != phase::open || (id_.is_source() && !pacing_.has_ended())) return false;
  if (force_) return true;
  if (instance_ && instance_->pending_work.load() > 0) return false;
  if (id_.role == actor_role::remote_receiver && is_retiring())
    return pacing_.has_ended();  // its host said so
  if (is_retiring())
    return std::all_of(queues_.begin(), queues_.end(), [](const auto& q) {
      return q->back_edge() ? q->in_flight() == 0 : q->drained();
    });
  if (id_.role == actor_role::remote_receiver)
    return pacing_.has_ended() && (!id_.is_shared() || run_.end.ending());
  bool forward = id_.is_source();
  bool back_edges = false;
  for (const auto& q : queues_) {
    if (q->back_edge()) {
      back_edges = back_edges || !q->drained();
      continue;
    }
    forward = true;
    if (!q->drained()) return false;
  }
  if (id_.is_shared() || !forward)
    if (!run_.end.ending()) return false;
  return !back_edges || close_wanted_;
}

}  // namespace hocket::host
