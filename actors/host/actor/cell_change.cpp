#include "actors/host/actor/cell_change.hpp"

#include <algorithm>

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

void cell_change::prepare(const actor_cell* replaces, timestamp begins) {
  std::int64_t earlier = 0;
  auto began = begins;
  if (replaces != nullptr) {
    std::lock_guard lock(replaces->mutex_);
    earlier =
        1 + replaces->earlier_instances_ + static_cast<std::int64_t>(replaces->restarts_.count());
    began = replaces->began_;
  }
  cell_.prepared_.store(true, std::memory_order_release);
  cell_.close_gate();
  std::lock_guard lock(cell_.mutex_);
  cell_.earlier_instances_ = earlier;
  cell_.began_ = began;
  const auto& run = cell_.run_;
  if (!run.is_virtual()) cell_.late_clock_ = std::make_unique<late_clock>(run.time, begins);
}

void cell_change::activate(timestamp t, actor_cell* before) {
  std::map<session_id, std::int64_t> turns;
  bool was_lost = false;
  if (before != nullptr) {
    cell_.outputs_.continue_streams(before->outputs_);
    std::lock_guard lock(before->mutex_);
    if (before->sets_) turns = before->sets_->positions();
    was_lost = before->phase_ == phase::lost;
  }
  {
    std::lock_guard lock(cell_.mutex_);
    if (cell_.sets_) cell_.sets_->go_on_from(turns);
    cell_.pacing_.begin_at(t, cell_.run_.graph().grid);
  }
  if (cell_.id().is_source()) cell_.emits_from_ = t;
  cell_.outputs_.each_link([&](const session_outputs&, const link_end& r) {
    cell_change(*r.to).set_sender(*r.queue, cell_.shared_from_this());
  });
  if (was_lost) cell_.notify_receivers(control::kind::input_recovered, "rewired");
}

// Another cell becomes the sender of one of this cell's queues.
void cell_change::set_sender(input_queue& q, const std::shared_ptr<actor_cell>& sender) {
  {
    std::lock_guard lock(cell_.mutex_);
    q.set_sender(sender);
    if (q.ended() && !q.draining) q.reopen();
    if (q.blocked_since_ns == 0) return;
  }
  sender->close_gate();  // the sender that waited is gone
}

void cell_change::retire(bool handed_over, timestamp at) {
  cell_.handed_over_.store(handed_over);
  bool opened = false;
  {
    std::lock_guard lock(cell_.mutex_);
    cell_.retiring_.store(true, std::memory_order_release);
    cell_.pacing_.retire_at(at);
    cell_.pacing_.stop();
    cell_.close_wanted_ = true;
    opened = cell_.phase_ == phase::open || cell_.phase_ == phase::closing;
  }
  if (cell_.is_over()) return;
  if (opened)
    cell_.wake();
  else
    cell_.request_close(true);  // what is not open has nothing to say
}

// Emissions hold `emitting` of the instance that they belong to. Where there is none, or where
// another one comes, it does nothing while the cell waits for room: so nothing goes the new way
// before `moved` is done.
void cell_change::reroute(session_id id, std::vector<std::vector<link_end>> link_ends,
                          const std::function<void()>& moved) {
  const auto o = cell_.outputs_.find(id);
  if (!o) return;
  cell_.close_gate();
  for (bool done = false; !done;) {
    std::shared_ptr<instance> who;
    {
      std::lock_guard lock(cell_.mutex_);
      who = cell_.instance_;
    }
    std::unique_lock<std::mutex> still;
    if (who) still = std::unique_lock(who->emitting);
    {
      std::lock_guard lock(cell_.mutex_);
      if (cell_.instance_ != who) continue;
      cell_.outputs_.replace_links(*o, link_ends);
    }
    moved();
    done = true;
  }
  cell_.open_gate();
}

std::shared_ptr<input_queue> cell_change::queue_of(std::size_t link, session_id id) const {
  std::lock_guard lock(cell_.mutex_);
  for (const auto& q : cell_.queues_)
    if (q->setup().link == link && q->session() == id && !q->draining && !q->removed) return q;
  return nullptr;
}

std::vector<std::shared_ptr<input_queue>> cell_change::all_queues() const {
  std::lock_guard lock(cell_.mutex_);
  return cell_.queues_;
}

std::shared_ptr<actor_cell> cell_change::sender_of(const input_queue& q) const {
  std::lock_guard lock(cell_.mutex_);
  return q.setup().sender.lock();
}

input_queue::queue_state cell_change::export_state(input_queue& q) {
  std::lock_guard lock(cell_.mutex_);
  auto e = q.export_state();
  cell_.order_.forget(q);
  return e;
}

void cell_change::import_state(input_queue& q, input_queue::queue_state&& e) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  const auto& run = cell_.run_;
  {
    std::lock_guard lock(cell_.mutex_);
    const bool waits = e.blocked_since_ns != 0;
    const auto now = run.now();
    for (const auto& i : e.items) {
      // On a back edge in virtual time it is handed over later than it was sent.
      if (run.is_virtual() && q.back_edge() && i.queued_at >= now)
        cell_.admit_later(q);
      else if (!cell_.makes_sets())
        cell_.order_.push(q);
    }
    q.import_state(std::move(e));
    if (waits) cell_.unblock_if_room(q, unblocked);
  }
  for (auto& sender : unblocked) sender->open_gate();
  cell_.wake();
}

void cell_change::drain_and_remove(input_queue& q, bool now) {
  {
    std::lock_guard lock(cell_.mutex_);
    q.draining = true;
    q.end_told = true;
    if (now) q.set_ended();
    cell_.has_draining_ = true;
  }
  cell_.wake();
  if (now) cell_.remove_drained();
}

void cell_change::set_policy(input_queue& q, const queue_spec& spec) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(cell_.mutex_);
    const auto gone = q.set_policy(spec);
    if (!cell_.makes_sets()) cell_.order_.void_next(q, gone);
    if (spec.full == full_policy::block)
      cell_.unblock_if_room(q, unblocked);
    else if (auto sender = q.unblock_sender(monotonic_ns()))
      unblocked.push_back(std::move(sender));
  }
  for (auto& sender : unblocked) sender->open_gate();
  cell_.wake();
}

void cell_change::collect_books(
    const std::function<void(std::size_t link, const account& books)>& keep) {
  std::lock_guard lock(cell_.mutex_);
  for (auto& q : cell_.queues_) {
    q->purge(drop_reason::rewired);
    q->removed = true;
    keep(q->setup().link, q->books());
  }
  cell_.queues_.clear();
  if (cell_.sets_) cell_.sets_->clear();
}

}  // namespace hocket::host
