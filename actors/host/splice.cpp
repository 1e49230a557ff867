// What a rewire does to single cells: standing by, changing routes and queues, leaving.
#include <algorithm>

#include "actors/host/cell.hpp"

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

void cell::stand_by(const cell* heir_of, timestamp begins) {
  std::int64_t lives = 0;
  auto began = begins;
  if (heir_of != nullptr) {
    std::lock_guard lock(heir_of->mutex_);
    lives = 1 + heir_of->lives_before_ + static_cast<std::int64_t>(heir_of->restarts_);
    began = heir_of->began_;
  }
  trial_.store(true, std::memory_order_release);
  wait_for_room();
  std::lock_guard lock(mutex_);
  lives_before_ = lives;
  began_ = began;
  if (!world_.is_virtual()) late_clock_ = std::make_unique<late_clock>(world_.time, begins);
}

bool cell::is_over() const {
  const auto p = state();
  return p == phase::closed || p == phase::lost;
}

void cell::take_up(timestamp t, cell* before) {
  std::map<session_id, std::vector<stream_state>> streams;
  std::map<session_id, std::int64_t> turns;
  bool told_lost = false;
  if (before != nullptr) {
    {
      std::lock_guard lock(before->outlets_mutex_);
      for (const auto& [id, o] : before->outlets_) streams[id] = o->streams;
    }
    std::lock_guard lock(before->mutex_);
    for (const auto& g : before->groups_) turns[g.session] = g.next_k;
    told_lost = before->phase_ == phase::lost;
  }
  {
    std::lock_guard lock(outlets_mutex_);
    for (auto& [id, o] : outlets_)
      if (const auto it = streams.find(id); it != streams.end()) {
        o->streams = it->second;
        for (auto& s : o->streams) s.ended = false;
      }
  }
  {
    std::lock_guard lock(mutex_);
    for (auto& g : groups_)
      if (const auto it = turns.find(g.session); it != turns.end()) g.next_k = it->second;
    next_tick_ = world_.graph().grid.index_of(t);
    next_until_ = until_after(t);
  }
  if (is_source()) emits_from_ = t;
  each_route(
      [&](const outlet&, const route& r) { r.to->enter_sender(*r.queue, shared_from_this()); });
  if (told_lost) world_.neighbours(*this, control::kind::input_recovered, "rewired");
}

// Mutex not held: another cell becomes the sender of one of our queues.
void cell::enter_sender(input_queue& q, const std::shared_ptr<cell>& sender) {
  {
    std::lock_guard lock(mutex_);
    q.set_sender(sender);
    if (q.ended() && !q.leaving) q.reopen();
    if (q.blocked_since_ns == 0) return;
  }
  sender->wait_for_room();  // the one who waited is gone
}

void cell::leave(bool passes_on, timestamp at) {
  passes_on_.store(passes_on);
  bool opened = false;
  {
    std::lock_guard lock(mutex_);
    leaving_.store(true, std::memory_order_release);
    leaves_at_ = at;
    stop_source_ = true;
    release_ = true;
    opened = phase_ == phase::open || phase_ == phase::closing;
  }
  if (is_over()) return;
  if (opened)
    wake();
  else
    request_release(true);  // what is not open has nothing to say
}

std::vector<std::vector<route>> cell::routes_of(session_id id) const {
  const auto o = outlet_of(id);
  if (!o) return {};
  std::lock_guard lock(outlets_mutex_);
  return o->routes;
}

// Emissions hold `emitting` of the instance that they belong to. Where there is none, or where
// another one comes, it does nothing while the cell waits for room: so nothing goes the new way
// before `moved` is done.
void cell::reroute(session_id id, std::vector<std::vector<route>> routes,
                   const std::function<void()>& moved) {
  const auto o = outlet_of(id);
  if (!o) return;
  wait_for_room();
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
      std::lock_guard outlets(outlets_mutex_);
      o->routes.swap(routes);
    }
    moved();
    done = true;
  }
  unblock();
}

std::shared_ptr<input_queue> cell::queue_of(std::size_t link, session_id id) const {
  std::lock_guard lock(mutex_);
  for (const auto& q : queues_)
    if (q->setup().link == link && q->session() == id && !q->leaving && !q->gone) return q;
  return nullptr;
}

std::vector<std::shared_ptr<input_queue>> cell::all_queues() const {
  std::lock_guard lock(mutex_);
  return queues_;
}

std::shared_ptr<cell> cell::sender_of(const input_queue& q) const {
  std::lock_guard lock(mutex_);
  return q.setup().sender.lock();
}

// The queue stays behind, empty, until what the component has in hand is settled.
input_queue::estate cell::surrender(input_queue& q) {
  std::lock_guard lock(mutex_);
  auto e = q.surrender();
  order_.remove_if([&](const token& t) { return t.queue == &q; });
  dead_tokens_.erase(&q);
  return e;
}

void cell::inherit(input_queue& q, input_queue::estate&& e) {
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(mutex_);
    const bool waits = e.blocked_since_ns != 0;
    const auto now = world_.now();
    for (const auto& i : e.items) {
      // On a back edge in virtual time it is handed over later than it was sent.
      if (world_.is_virtual() && q.back_edge() && i.queued_at >= now)
        admit_later(q);
      else if (!makes_sets())
        order_.push_back({&q});
    }
    q.inherit(std::move(e));
    if (waits) relieve(q, freed);
  }
  for (auto& sender : freed) sender->unblock();
  wake();
}

void cell::let_go(input_queue& q, bool now) {
  {
    std::lock_guard lock(mutex_);
    q.leaving = true;
    q.end_told = true;
    if (now) q.set_ended();
    has_leavers_ = true;
  }
  wake();
  if (now) reap();
}

void cell::requeue(input_queue& q, const queue_spec& spec) {
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(mutex_);
    drop_tokens(q, q.requeue(spec));
    if (spec.full != full_policy::block) {
      if (auto sender = q.release_sender(monotonic_ns())) freed.push_back(std::move(sender));
    } else {
      relieve(q, freed);
    }
  }
  for (auto& sender : freed) sender->unblock();
  wake();
}

void cell::reap() {
  std::lock_guard still(world_.hand_over_);
  std::lock_guard lock(mutex_);
  has_leavers_ = false;
  std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
    if (!q->leaving) return false;
    if (!q->drained()) {
      has_leavers_ = true;
      return false;
    }
    world_.retire_books(q->setup().link, q->books());
    for (auto& g : groups_) std::erase(g.queues, q.get());
    order_.remove_if([&](const token& t) { return t.queue == q.get(); });
    dead_tokens_.erase(q.get());
    q->gone = true;
    return true;
  });
  std::erase_if(groups_, [](const set_group& g) { return g.queues.empty(); });
}

void cell::bury(const std::function<void(std::size_t link, const account& books)>& keep) {
  std::lock_guard lock(mutex_);
  for (auto& q : queues_) {
    q->purge(drop_reason::rewired);
    q->gone = true;
    keep(q->setup().link, q->books());
  }
  queues_.clear();
  groups_.clear();
}

}  // namespace hocket::host
