// What a cell does next: control first, then what its input policy hands over. Mutex held.
#include <algorithm>

#include "actors/host/job.hpp"

namespace hocket::host {

void origin::note(const queued_packet& e) {
  if (known && e.item.header.origin_ns >= ns) return;
  known = true;
  ts = e.item.header.origin_ts;
  ns = e.item.header.origin_ns;
  queued_ns = e.queued_ns;
  hops = e.item.header.way;
}

void batch::clear_bundles() {
  bundles.clear();
  bundle_origins.clear();
  bundle_uses.clear();
  bundles_failed = false;
}

void actor_cell::settle_batch() {
  if (!batch_) return;
  auto& h = *batch_;
  for (; h.settled < h.at; ++h.settled) {
    const auto& i = h.items[h.settled];
    if (i.dropped)
      i.from->settle_dropped(i.why);
    else
      i.from->settle_delivered(1);
  }
  if (h.at == h.items.size()) {
    h.items.clear();
    h.at = h.settled = 0;
  }
  for (auto& [q, n] : h.bundle_uses) {
    if (h.bundles_failed)
      q->settle_dropped(drop_reason::actor_restarting, n);
    else
      q->settle_delivered(n);
  }
  h.clear_bundles();
}

// Lets the sender of a queue go on: when half of it is free, or when a set still waits for other
// inputs and the sender may be the one that has to fill them.
void actor_cell::unblock_if_room(input_queue& q,
                                 std::vector<std::shared_ptr<actor_cell>>& unblocked) {
  if (q.blocked_since_ns == 0) return;
  const auto half = static_cast<std::size_t>(q.setup().spec.size) / 2;
  const bool starved =
      makes_sets() && q.size() < q.hard_limit() && !group_ready(group_of(q.session()));
  if (q.size() > half && !starved) return;
  if (auto sender = q.unblock_sender(monotonic_ns())) unblocked.push_back(std::move(sender));
}

bool actor_cell::take_items() {
  constexpr std::size_t limit_max = 32;
  constexpr std::int64_t short_call_ns = 50'000;
  // Slow handlers take one at a time, so that the queue's policy keeps its say over the rest.
  const auto limit = !run_.is_virtual() && recent_max_ns_ < short_call_ns ? limit_max : 1;
  if (!batch_) batch_ = std::make_shared<batch>();
  auto& items = batch_->items;
  while (!order_.empty() && items.size() < limit) {
    auto* q = order_.front().queue;
    if (!q) break;  // a task
    order_.take_front();
    if (!void_entries_.empty()) {
      if (auto it = void_entries_.find(q); it != void_entries_.end()) {
        if (--it->second == 0) void_entries_.erase(it);
        continue;
      }
    }
    HOCKET_ASSERT(!q->empty());
    if (policy_ == input_policy::latest) {
      while (q->size() > 1) {
        q->take();
        q->settle_dropped(drop_reason::replaced);
        void_entries(*q, 1);
      }
    }
    items.push_back({q->take(), q});
    unblock_if_room(*q, unblocked_);
  }
  return !items.empty();
}

input_group& actor_cell::group_of(session_id id) {
  auto it = std::lower_bound(groups_.begin(), groups_.end(), id,
                             [](const input_group& g, session_id s) { return g.session < s; });
  HOCKET_ASSERT(it != groups_.end() && it->session == id);
  return *it;
}

bool actor_cell::forward_ended(const input_group& g) const {
  bool any = false;
  for (const auto* q : g.queues) {
    if (q->back_edge()) continue;
    any = true;
    if (!q->ended()) return false;
  }
  return any;
}

bool actor_cell::micro_turn_settled(const input_group& g) const {
  const auto end = run_.graph().grid.end_of(g.next_k);
  bool any = false;
  for (const auto* q : g.queues) {
    if (q->back_edge()) continue;
    any = true;
    if (q->bound() < end) return false;
  }
  return any;
}

bool actor_cell::aligned_ready(const input_group& g, timestamp& t) const {
  t = timestamp::max();
  for (const auto* q : g.queues) {
    if (q->empty()) continue;
    if (q->back_edge() && run_.is_virtual() && q->at(0).queued_at >= run_.now()) continue;
    t = std::min(t, q->at(0).item.header.ts);
  }
  if (t == timestamp::max()) return false;
  for (const auto* q : g.queues)
    if (!q->back_edge() && q->bound() <= t) return false;
  return true;
}

bool actor_cell::group_ready(const input_group& g) const {
  if (policy_ == input_policy::aligned) {
    timestamp t;
    return aligned_ready(g, t);
  }
  if (forward_ended(g)) {
    // No input will raise its bound any more: what is left goes out, then silence.
    bool some = false;
    for (const auto* q : g.queues) some = some || (!q->back_edge() && !q->empty());
    if (!some) return false;
    if (!run_.is_virtual()) return true;
  }
  if (deadline_k_ >= g.next_k) return true;
  // Virtual time hands over at the deadline only; real time as soon as nothing more can come, in
  // a shared actor when that is true of all conversations, so that they stay one batch.
  if (run_.is_virtual()) return false;
  for (const auto& other : groups_)
    if (!forward_ended(other) && other.next_k <= g.next_k && !other.queues.empty() &&
        !micro_turn_settled(other))
      return false;
  return micro_turn_settled(g);
}

bool actor_cell::sets_ready() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [&](const input_group& g) { return group_ready(g); });
}

void actor_cell::collect(input_group& g, std::int64_t k, timestamp from, timestamp to) {
  bundle b;
  b.session = g.session;
  b.micro_turn = k;
  b.from = from;
  b.to = to;
  if (auto o = outputs_of(g.session); o && o->session) b.epoch = o->session->epoch.load();
  b.inputs.resize(info_.inputs.size());
  b.missing.assign(info_.inputs.size(), false);
  origin oldest;
  const auto now = run_.now();
  // Outside virtual time back edges have no stream time of their own.
  const auto settled_at = run_.is_virtual() ? now : timestamp::max();
  std::vector<queued_packet> taken;
  for (auto* q : g.queues) {
    taken.clear();
    q->take_before(to, settled_at, taken);
    q->handed = to;
    std::uint64_t used = 0;
    for (auto& e : taken) {
      if (q->is_too_old(e, now)) {
        q->settle_dropped(drop_reason::too_old);
        continue;
      }
      oldest.note(e);
      run_.note_hand_over(actor_, e, 0);
      b.inputs[q->port()].push_back(std::move(e.item));
      ++used;
    }
    if (used > 0) batch_->bundle_uses.emplace_back(q, used);
    if (used == 0 && (q->bound() < to || q->ended())) b.missing[q->port()] = true;
  }
  for (std::size_t port = 0; port < b.inputs.size(); ++port)
    if (!b.inputs[port].empty()) b.missing[port] = false;
  packets_in_.fetch_add(1, std::memory_order_relaxed);
  batch_->bundles.push_back(std::move(b));
  batch_->bundle_origins.push_back(oldest);
}

bool actor_cell::take_bundles() {
  if (!batch_) batch_ = std::make_shared<batch>();
  const auto& grid = run_.graph().grid;
  // First find the ready ones, then take: taking changes what is ready.
  std::vector<input_group*> ready;
  for (auto& g : groups_)
    if (group_ready(g)) ready.push_back(&g);
  for (auto* g : ready) {
    if (policy_ == input_policy::aligned) {
      timestamp t;
      aligned_ready(*g, t);
      collect(*g, grid.index_of(t), t, t + duration(1));
      continue;
    }
    if (forward_ended(*g)) {
      // Skip what nothing is left in.
      auto first = timestamp::max();
      for (const auto* q : g->queues)
        if (!q->back_edge() && !q->empty()) first = std::min(first, q->at(0).item.header.ts);
      if (first != timestamp::max() && !run_.is_virtual())
        g->next_k = std::max(g->next_k, grid.index_of(first));
    }
    collect(*g, g->next_k, grid.start_of(g->next_k), grid.end_of(g->next_k));
    ++g->next_k;
  }
  for (auto* g : ready)
    for (auto* q : g->queues) unblock_if_room(*q, unblocked_);
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
  if (batch_ && batch_->at < batch_->items.size()) {
    j.what = kind::items;
    return true;
  }
  const bool task_first =
      makes_sets() ? !tasks_.empty() : !order_.empty() && order_.front().queue == nullptr;
  if (task_first) return choose_task(j);
  if (makes_sets() ? sets_ready() && take_bundles() : take_items()) {
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
  if (is_source() && !source_ended_) {
    // A retiring source makes what belongs to the time before: its replacement begins at the
    // boundary.
    const bool must_finish_turn = is_retiring() && next_until_ <= retires_at_;
    if ((stop_source_ && !must_finish_turn) || run_.stopping()) {
      j.what = job::kind::source_end;
      return true;
    }
    const bool free_running = info_.blocking && !run_.is_virtual() && run_.started.load();
    if (free_running || must_finish_turn || next_until_ <= due_until_) {
      j.what = job::kind::produce;
      j.until = next_until_;
      return true;
    }
  }
  if (!info_.ticks || next_tick_ > tick_due_) return false;
  j.what = job::kind::tick;
  j.k = next_tick_++;
  return true;
}

// A task that is first; where it is of an instance that is gone, what comes after it.
bool actor_cell::choose_task(job& j) {
  if (!makes_sets()) order_.take_front();
  if (tasks_.empty()) return choose_job(j);
  j.what = job::kind::task;
  j.task = std::move(tasks_.front().run);
  const bool current = tasks_.front().who.lock() == instance_;
  tasks_.pop_front();
  return current ? true : choose_job(j);
}

}  // namespace hocket::host
