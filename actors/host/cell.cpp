#include "actors/host/cell.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/cell_job.hpp"
#include "actors/host/counters.hpp"

namespace hocket::host {

cell::cell(std::shared_ptr<world> w, const wiring& wired, actor_index actor, session_id session)
    : keep_(std::move(w)),
      world_(*keep_),
      actor_(actor),
      session_(session),
      stand_(wired.place.standings[actor]),
      spec_(&wired.graph.actors[actor]),
      name_(wired.graph.actors[actor].name),
      policy_(wired.graph.actors[actor].policy),
      info_(wired.graph.actors[actor].type->info),
      traced_(world_.is_traced()) {
  begin_at(timestamp());
}

void cell::begin_at(timestamp t) {
  std::lock_guard lock(mutex_);
  began_ = t;
  next_tick_ = world_.graph().grid.index_of(t);
  next_until_ = until_after(t);
}

timestamp cell::next_until() const {
  std::lock_guard lock(mutex_);
  return next_until_;
}

// The next multiple of the period, or the end of the micro-turn where that comes first: what a
// micro-turn is handed is then complete whatever the period.
timestamp cell::until_after(timestamp t) const {
  const auto period = duration(std::chrono::milliseconds(std::max(info_.period_ms, 1))).count();
  const timestamp next((t.ns() / period + 1) * period);
  const auto& grid = world_.graph().grid;
  return std::min(next, grid.end_of(grid.index_of(t)));
}

std::shared_ptr<input_queue> cell::add_queue(queue_setup setup) {
  std::lock_guard lock(mutex_);
  const auto id = setup.session;
  auto q = queues_.emplace_back(std::make_shared<input_queue>(std::move(setup)));
  if (phase_ == phase::lost || phase_ == phase::closed) return q;
  if (!makes_sets()) return q;
  auto it = std::lower_bound(groups_.begin(), groups_.end(), id,
                             [](const set_group& g, session_id s) { return g.session < s; });
  if (it == groups_.end() || it->session != id) {
    set_group g;
    g.session = id;
    g.next_k = std::max<std::int64_t>(world_.graph().grid.index_of(world_.now()), 0);
    it = groups_.insert(it, std::move(g));
  }
  it->queues.push_back(q.get());
  return q;
}

void cell::add_outlet(std::shared_ptr<outlet> out) {
  std::lock_guard lock(outlets_mutex_);
  if (!is_shared()) own_outlet_ = out;
  outlets_[out->id()] = std::move(out);
}

std::shared_ptr<outlet> cell::outlet_of(session_id id) const {
  std::lock_guard lock(outlets_mutex_);
  const auto it = outlets_.find(id);
  return it == outlets_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<outlet>> cell::open_outlets() const {
  std::vector<std::shared_ptr<outlet>> out;
  std::lock_guard lock(outlets_mutex_);
  for (const auto& [id, o] : outlets_)
    if (o->session && !o->session->closing.load()) out.push_back(o);
  return out;
}

// The session's queues go, with what is still in them, and its way out.
void cell::remove_session(session_id id, std::vector<account>& retired) {
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(mutex_);
    for (auto& q : queues_) {
      if (q->session() != id) continue;
      q->gone = true;
      q->purge(drop_reason::session_closed);
      if (auto sender = q->release_sender(monotonic_ns())) freed.push_back(std::move(sender));
    }
    order_.remove_if([&](const token& t) { return t.queue && t.queue->session() == id; });
    std::erase_if(dead_tokens_, [&](const auto& d) { return d.first->session() == id; });
    std::erase_if(groups_, [&](const set_group& g) { return g.session == id; });
    // A queue with packets in the component's hands stays until they are settled.
    std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
      if (!q->gone || q->in_flight() > 0) return false;
      retired[q->setup().link].take(q->books());
      return true;
    });
  }
  {
    std::lock_guard lock(outlets_mutex_);
    outlets_.erase(id);
  }
  for (auto& sender : freed) sender->unblock();
}

void cell::each_route(const std::function<void(const outlet&, const route&)>& f) const {
  std::vector<std::shared_ptr<outlet>> all;
  {
    std::lock_guard lock(outlets_mutex_);
    for (const auto& [id, o] : outlets_) all.push_back(o);
  }
  for (const auto& o : all) {
    std::vector<std::vector<route>> routes;
    {
      std::lock_guard lock(outlets_mutex_);
      routes = o->routes;
    }
    for (const auto& port : routes)
      for (const auto& r : port) f(*o, r);
  }
}

void cell::break_routes() {
  std::lock_guard lock(outlets_mutex_);
  for (auto& [id, o] : outlets_) o->routes.clear();
  outlets_.clear();
}

void cell::add_count(std::string_view counter, std::int64_t add) {
  std::lock_guard lock(mutex_);
  auto it = counters_.find(counter);
  if (it == counters_.end()) it = counters_.emplace(std::string(counter), 0).first;
  it->second += add;
}

void cell::count_bad(std::size_t port, const std::string& why) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = counters_["bad_packets"]++ == 0;
    last_error_ = why;
  }
  // Once per actor: a component that emits garbage emits much of it.
  if (first) world_.event(name(), "bad_packet", info_.outputs[port].name + ": " + why);
}

bool cell::source_done() const {
  std::lock_guard lock(mutex_);
  return source_ended_ || phase_ == phase::closed;
}

bool cell::waits_for_echo() const {
  std::lock_guard lock(mutex_);
  if (stand_ != standing::here) return false;
  if (phase_ != phase::open || (is_source() && !source_ended_)) return false;
  return std::all_of(queues_.begin(), queues_.end(),
                     [](const auto& q) { return q->back_edge() || q->drained(); });
}

bool cell::holds() const {
  std::lock_guard lock(mutex_);
  return phase_ == phase::open && instance_ && instance_->holds.load() > 0;
}

std::string cell::describe() const {
  std::lock_guard lock(mutex_);
  auto text = fmt::format("{}: phase {}, blocked {}, tokens {}", name_, static_cast<int>(phase_),
                          blocked_.load(), order_.size());
  for (const auto& q : queues_)
    text += fmt::format(", {}{} queued, {} in hand{}", info_.inputs[q->port()].name + " ",
                        q->size(), q->in_flight() - q->size(), q->ended() ? ", ended" : "");
  return text + "; ";
}

namespace {
actor_state state_of(phase p, bool scheduled, bool blocked, bool ending) {
  switch (p) {
    case phase::fresh:
    case phase::opening: return actor_state::starting;
    case phase::restarting: return actor_state::restarting;
    case phase::lost: return actor_state::lost;
    case phase::closing: return actor_state::draining;
    case phase::closed: return actor_state::stopped;
    case phase::open: break;
  }
  if (blocked) return actor_state::blocked;
  if (scheduled) return actor_state::running;
  return ending ? actor_state::draining : actor_state::idle;
}
}  // namespace

void cell::add_status(actor_status& s, histogram::counts& times, std::int64_t& busy_ns,
                      std::vector<link_account>& links) const {
  const auto now_ns = monotonic_ns();
  std::lock_guard lock(mutex_);
  for (const auto& q : queues_) {
    auto& link = links[q->setup().link];
    q->books().add_to(link);
    link.in_flight += q->in_flight();
    if (q->blocked_since_ns != 0)
      link.waiting_ms =
          std::max(link.waiting_ms, static_cast<double>(now_ns - q->blocked_since_ns) / 1e6);
    s.queued += q->in_flight();
  }
  const auto mine = state_of(phase_, scheduled_, blocked_.load() > 0, world_.ending());
  // Of several sessions' cells the one furthest from idle is shown; stopped ones only if all are.
  if (s.state == actor_state::starting || s.state == actor_state::stopped ||
      (mine != actor_state::stopped && mine > s.state))
    s.state = mine;
  s.packets_in += packets_in_.load(std::memory_order_relaxed);
  s.packets_out += packets_out_.load(std::memory_order_relaxed);
  s.restarts += restarts_;
  const auto axis_now = world_.time.axis_now_ns();
  const auto window = static_cast<std::int64_t>(spec().restart.within_s * 1e9);
  const auto recent = std::count_if(restarts_at_ns_.begin(), restarts_at_ns_.end(),
                                    [&](std::int64_t t) { return axis_now - t <= window; });
  s.restarts_in_window = std::max(s.restarts_in_window, static_cast<std::uint64_t>(recent));
  if ((call_id_.load(std::memory_order_acquire) & 1) != 0) {
    const auto lasted = now_ns - call_began_ns_.load(std::memory_order_relaxed);
    s.call_ms = std::max(s.call_ms, static_cast<double>(lasted) / 1e6);
  }
  if (!last_error_.empty()) s.last_error = last_error_;
  times_.add_to(times);
  busy_ns += busy_ns_.load(std::memory_order_relaxed);
  auto counted = counters_;
  if (const auto late = late_emits_.load(); late > 0)
    counted["late_emits"] = static_cast<std::int64_t>(late);
  for (const auto& [name, n] : counted) add_counter(s, name, n);
}

}  // namespace hocket::host
