// What a cell does next: control first, then what its input policy hands over. Mutex held.
#include "actors/host/actor/job.hpp"

namespace hocket::host {

void actor_cell::settle_batch() {
  if (batch_) batch_->settle();
}

// Lets the sender of a queue go on: when half of it is free, or when a set still waits for other
// inputs and the sender may be the one that has to fill them.
void actor_cell::unblock_if_room(input_queue& q,
                                 std::vector<std::shared_ptr<actor_cell>>& unblocked) {
  if (q.blocked_since_ns == 0) return;
  const auto half = static_cast<std::size_t>(q.setup().spec.size) / 2;
  const bool starved = sets_ && q.size() < q.hard_limit() && sets_->starved(q, sets_now());
  if (q.size() > half && !starved) return;
  if (auto sender = q.unblock_sender(monotonic_ns())) unblocked.push_back(std::move(sender));
}

bool actor_cell::take_items() {
  constexpr std::size_t limit_max = 32;
  constexpr std::int64_t short_call_ns = 50'000;
  // Slow handlers take one at a time, so that the queue's policy keeps its say over the rest.
  const auto limit = !run_.is_virtual() && call_.recent_max_ns() < short_call_ns ? limit_max : 1;
  if (!batch_) batch_ = std::make_shared<batch>();
  auto& items = batch_->items;
  while (items.size() < limit) {
    auto* q = order_.take_queue();
    if (!q) break;
    HOCKET_ASSERT(!q->empty());
    if (policy_ == input_policy::latest) {
      while (q->size() > 1) {
        q->take();
        q->settle_dropped(drop_reason::replaced);
        order_.void_next(*q, 1);
      }
    }
    items.push_back({q->take(), q});
    unblock_if_room(*q, unblocked_);
  }
  return !items.empty();
}

void actor_cell::collect(const set_gatherer::due& set) {
  bundle b;
  b.session = set.group->session;
  b.micro_turn = set.k;
  b.from = set.from;
  b.to = set.to;
  if (const auto o = outputs_of(b.session)) b.epoch = o->epoch();
  b.inputs.resize(id_.info.inputs.size());
  b.missing.assign(id_.info.inputs.size(), false);
  origin oldest;
  const auto now = run_.now();
  // Outside virtual time back edges have no stream time of their own.
  const auto settled_at = run_.is_virtual() ? now : timestamp::max();
  std::vector<queued_packet> taken;
  for (auto* q : set.group->queues) {
    taken.clear();
    q->take_before(set.to, settled_at, taken);
    q->handed = set.to;
    std::uint64_t used = 0;
    for (auto& e : taken) {
      if (q->is_too_old(e, now)) {
        q->settle_dropped(drop_reason::too_old);
        continue;
      }
      oldest.note(e);
      run_.note_hand_over(id_.actor, e, 0);
      b.inputs[q->port()].push_back(std::move(e.item));
      ++used;
    }
    if (used > 0) batch_->bundle_uses.emplace_back(q, used);
    if (used == 0 && (q->bound() < set.to || q->ended())) b.missing[q->port()] = true;
  }
  for (std::size_t port = 0; port < b.inputs.size(); ++port)
    if (!b.inputs[port].empty()) b.missing[port] = false;
  packets_in_.fetch_add(1, std::memory_order_relaxed);
  batch_->bundles.push_back(std::move(b));
  batch_->bundle_origins.push_back(oldest);
}

bool actor_cell::take_bundles() {
  if (!batch_) batch_ = std::make_shared<batch>();
  const auto due = sets_->take(sets_now());
  for (const auto& set : due) collect(set);
  for (const auto& set : due)
    for (auto* q : set.group->queues) unblock_if_room(*q, unblocked_);
  return !batch_->bundles.empty();
}

bool actor_cell::take_ended_input(job& j) {
  for (auto& q : queues_) {
    if (!q->drained() || q->end_told) continue;
    q->end_told = true;
    j.what = job::kind::control;
    j.port = q->port();
    control c;
    c.what = control::kind::end_of_stream;
    j.message = make_packet(run_.now(), std::move(c));
    j.message.header.session = q->session();
    return true;
  }
  return false;
}

bool actor_cell::choose_job(job& j) {
  using kind = job::kind;
  if (choose_life(j)) return true;
  j.who = instance_;
  if (!instance_) return false;
  if (choose_control(j)) return true;
  if (blocked_.load(std::memory_order_acquire) > 0) return false;
  if (choose_timed(j)) return true;
  if (batch_ && batch_->has_item()) {
    j.what = kind::items;
    return true;
  }
  if (makes_sets() ? !tasks_.empty() : order_.task_is_next()) return choose_task(j);
  if (sets_ ? sets_->any_ready(sets_now()) && take_bundles() : take_items()) {
    j.what = makes_sets() ? kind::sets : kind::items;
    return true;
  }
  // A set that was complete when its sender was stopped may have lost a packet to another policy.
  if (makes_sets())
    for (auto& q : queues_) unblock_if_room(*q, unblocked_);
  if (!order_.empty()) return choose_job(j);
  if (take_ended_input(j)) return true;
  if (!may_close()) return false;
  j.what = kind::close;
  return true;
}

// By force, or an instance to come.
bool actor_cell::choose_life(job& j) {
  if (force_ && phase_ != phase::closed) {
    open_wanted_ = restart_wanted_ = false;  // it would open again, and close a second time
    j.what = job::kind::close;
    return true;
  }
  if (!open_wanted_ && !restart_wanted_) return false;
  open_wanted_ = restart_wanted_ = false;
  phase_ = phase_ == phase::restarting ? phase::restarting : phase::opening;
  j.what = job::kind::open;
  return true;
}

bool actor_cell::choose_control(job& j) {
  if (control_.empty()) return false;
  auto& c = control_.front();
  j.what = job::kind::control;
  j.port = c.port;
  j.message = std::move(c.what);
  j.direct_from = c.direct_from;
  control_.pop_front();
  if (control_.empty()) control_waiting_.store(false, std::memory_order_relaxed);
  return true;
}

// What is due by time: the source, then ticks.
bool actor_cell::choose_timed(job& j) {
  if (id_.is_source() && !pacing_.has_ended()) {
    // A retiring source makes what belongs to the time before: its replacement begins at the
    // boundary.
    const bool must_finish_turn = is_retiring() && pacing_.must_finish_turn();
    if ((pacing_.is_stopped() && !must_finish_turn) || run_.end.stopping()) {
      j.what = job::kind::source_end;
      return true;
    }
    const bool free_running = id_.info.blocking && !run_.is_virtual() && run_.started.load();
    if (free_running || must_finish_turn || pacing_.is_due()) {
      j.what = job::kind::produce;
      j.until = pacing_.next_until();
      return true;
    }
  }
  if (!pacing_.has_tick()) return false;
  j.what = job::kind::tick;
  j.k = pacing_.take_tick();
  return true;
}

// A task that is first; where it is of an instance that is gone, what comes after it.
bool actor_cell::choose_task(job& j) {
  if (!makes_sets()) order_.take_task();
  if (tasks_.empty()) return choose_job(j);
  j.what = job::kind::task;
  j.task = std::move(tasks_.front().run);
  const bool current = tasks_.front().who.lock() == instance_;
  tasks_.pop_front();
  return current ? true : choose_job(j);
}

}  // namespace hocket::host
