// What a rewire does to single cells: prepare, activate, other links and queues, retire.
#include <algorithm>

#include "actors/host/actor_cell.hpp"

namespace hocket::host {
namespace {

/// Stream time, but never before the actor takes part: what it prepares is for then.
class late_clock final : public clock {
 public:
  late_clock(const clock& time, timestamp from) : time_(time), from_(from) {}
  timestamp now() const override { return std::max(time_.now(), from_); }
  bool is_virtual() const override { return time_.is_virtual(); }

 private:
  const clock& time_;
  const timestamp from_;
};

}  // namespace

void actor_cell::prepare(const actor_cell* replaces, timestamp begins) {
  std::int64_t earlier = 0;
  auto began = begins;
  if (replaces != nullptr) {
    std::lock_guard lock(replaces->mutex_);
    earlier = 1 + replaces->earlier_instances_ + static_cast<std::int64_t>(replaces->restarts_);
    began = replaces->began_;
  }
  prepared_.store(true, std::memory_order_release);
  close_gate();
  std::lock_guard lock(mutex_);
  earlier_instances_ = earlier;
  began_ = began;
  if (!run_.is_virtual()) late_clock_ = std::make_unique<late_clock>(run_.time, begins);
}

bool actor_cell::is_over() const {
  const auto p = state();
  return p == phase::closed || p == phase::lost;
}

void actor_cell::activate(timestamp t, actor_cell* before) {
  std::map<session_id, std::vector<stream_state>> streams;
  std::map<session_id, std::int64_t> turns;
  bool was_lost = false;
  if (before != nullptr) {
    {
      std::lock_guard lock(before->outputs_mutex_);
      for (const auto& [id, o] : before->outputs_) streams[id] = o->streams;
    }
    std::lock_guard lock(before->mutex_);
    for (const auto& g : before->groups_) turns[g.session] = g.next_k;
    was_lost = before->phase_ == phase::lost;
  }
  {
    std::lock_guard lock(outputs_mutex_);
    for (auto& [id, o] : outputs_)
      if (const auto it = streams.find(id); it != streams.end()) {
        o->streams = it->second;
        for (auto& s : o->streams) s.ended = false;
      }
  }
  {
    std::lock_guard lock(mutex_);
    for (auto& g : groups_)
      if (const auto it = turns.find(g.session); it != turns.end()) g.next_k = it->second;
    next_tick_ = run_.graph().grid.index_of(t);
    next_until_ = until_after(t);
  }
  if (is_source()) emits_from_ = t;
  each_link([&](const session_outputs&, const link_end& r) {
    r.to->set_sender(*r.queue, shared_from_this());
  });
  if (was_lost) run_.notify_receivers(*this, control::kind::input_recovered, "rewired");
}

// Mutex not held: another cell becomes the sender of one of our queues.
void actor_cell::set_sender(input_queue& q, const std::shared_ptr<actor_cell>& sender) {
  {
    std::lock_guard lock(mutex_);
    q.set_sender(sender);
    if (q.ended() && !q.draining) q.reopen();
    if (q.blocked_since_ns == 0) return;
  }
  sender->close_gate();  // the sender that waited is gone
}

void actor_cell::retire(bool handed_over, timestamp at) {
  handed_over_.store(handed_over);
  bool opened = false;
  {
    std::lock_guard lock(mutex_);
    retiring_.store(true, std::memory_order_release);
    retires_at_ = at;
    stop_source_ = true;
    close_wanted_ = true;
    opened = phase_ == phase::open || phase_ == phase::closing;
  }
  if (is_over()) return;
  if (opened)
    wake();
  else
    request_close(true);  // what is not open has nothing to say
}

std::vector<std::vector<link_end>> actor_cell::link_ends_of(session_id id) const {
  const auto o = outputs_of(id);
  if (!o) return {};
  std::lock_guard lock(outputs_mutex_);
  return o->link_ends;
}

// Emissions hold `emitting` of the instance that they belong to. Where there is none, or where
// another one comes, it does nothing while the cell waits for room: so nothing goes the new way
// before `moved` is done.
void actor_cell::reroute(session_id id, std::vector<std::vector<link_end>> link_ends,
                         const std::function<void()>& moved) {
  const auto o = outputs_of(id);
  if (!o) return;
  close_gate();
  for (bool done = false; !done;) {
    std::shared_ptr<instance> who;
    {
      std::lock_guard lock(mutex_);
      who = instance_;
    }
    std::unique_lock<std::mutex> still;
    if (who) still = std::unique_lock(who->emitting);
    {
      std::lock_guard lock(mutex_);
      if (instance_ != who) continue;
      std::lock_guard outputs(outputs_mutex_);
      o->link_ends.swap(link_ends);
    }
    moved();
    done = true;
  }
  open_gate();
}

std::shared_ptr<input_queue> actor_cell::queue_of(std::size_t link, session_id id) const {
  std::lock_guard lock(mutex_);
  for (const auto& q : queues_)
    if (q->setup().link == link && q->session() == id && !q->draining && !q->removed) return q;
  return nullptr;
}

std::vector<std::shared_ptr<input_queue>> actor_cell::all_queues() const {
  std::lock_guard lock(mutex_);
  return queues_;
}

std::shared_ptr<actor_cell> actor_cell::sender_of(const input_queue& q) const {
  std::lock_guard lock(mutex_);
  return q.setup().sender.lock();
}

// The queue stays behind, empty, until what the component has taken is settled.
input_queue::queue_state actor_cell::export_state(input_queue& q) {
  std::lock_guard lock(mutex_);
  auto e = q.export_state();
  order_.remove_if([&](const order_entry& t) { return t.queue == &q; });
  void_entries_.erase(&q);
  return e;
}

void actor_cell::import_state(input_queue& q, input_queue::queue_state&& e) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    const bool waits = e.blocked_since_ns != 0;
    const auto now = run_.now();
    for (const auto& i : e.items) {
      // On a back edge in virtual time it is handed over later than it was sent.
      if (run_.is_virtual() && q.back_edge() && i.queued_at >= now)
        admit_later(q);
      else if (!makes_sets())
        order_.push_back({&q});
    }
    q.import_state(std::move(e));
    if (waits) unblock_if_room(q, unblocked);
  }
  for (auto& sender : unblocked) sender->open_gate();
  wake();
}

void actor_cell::drain_and_remove(input_queue& q, bool now) {
  {
    std::lock_guard lock(mutex_);
    q.draining = true;
    q.end_told = true;
    if (now) q.set_ended();
    has_draining_ = true;
  }
  wake();
  if (now) remove_drained();
}

void actor_cell::set_policy(input_queue& q, const queue_spec& spec) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    void_entries(q, q.set_policy(spec));
    if (spec.full != full_policy::block) {
      if (auto sender = q.unblock_sender(monotonic_ns())) unblocked.push_back(std::move(sender));
    } else {
      unblock_if_room(q, unblocked);
    }
  }
  for (auto& sender : unblocked) sender->open_gate();
  wake();
}

void actor_cell::remove_drained() {
  std::lock_guard still(run_.handover_);
  std::lock_guard lock(mutex_);
  has_draining_ = false;
  std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
    if (!q->draining) return false;
    if (!q->drained()) {
      has_draining_ = true;
      return false;
    }
    run_.keep_account(q->setup().link, q->books());
    for (auto& g : groups_) std::erase(g.queues, q.get());
    order_.remove_if([&](const order_entry& t) { return t.queue == q.get(); });
    void_entries_.erase(q.get());
    q->removed = true;
    return true;
  });
  std::erase_if(groups_, [](const input_group& g) { return g.queues.empty(); });
}

void actor_cell::collect_books(
    const std::function<void(std::size_t link, const account& books)>& keep) {
  std::lock_guard lock(mutex_);
  for (auto& q : queues_) {
    q->purge(drop_reason::rewired);
    q->removed = true;
    keep(q->setup().link, q->books());
  }
  queues_.clear();
  groups_.clear();
}

}  // namespace hocket::host
