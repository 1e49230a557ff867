#include "actors/host/actor_cell.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/job.hpp"
#include "actors/host/counters.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::host {

actor_cell::actor_cell(std::shared_ptr<graph_run> w, const plan_revision& revision,
                       actor_index actor, session_id session)
    : keep_(std::move(w)),
      run_(*keep_),
      actor_(actor),
      session_(session),
      role_(revision.local.roles[actor]),
      remote_(role_ != actor_role::local && run_.peers ? run_.peers->end_of(actor) : nullptr),
      spec_(&revision.graph.actors[actor]),
      name_(revision.graph.actors[actor].name),
      policy_(revision.graph.actors[actor].policy),
      info_(revision.graph.actors[actor].type->info),
      traced_(run_.is_traced()) {
  begin_at(timestamp());
}

void actor_cell::begin_at(timestamp t) {
  std::lock_guard lock(mutex_);
  began_ = t;
  next_tick_ = run_.graph().grid.index_of(t);
  next_until_ = until_after(t);
}

timestamp actor_cell::next_until() const {
  std::lock_guard lock(mutex_);
  return next_until_;
}

// The next multiple of the period, or the end of the micro-turn where that comes first: what a
// micro-turn is handed is then complete whatever the period.
timestamp actor_cell::until_after(timestamp t) const {
  const auto period = duration(std::chrono::milliseconds(std::max(info_.period_ms, 1))).count();
  const timestamp next((t.ns() / period + 1) * period);
  const auto& grid = run_.graph().grid;
  return std::min(next, grid.end_of(grid.index_of(t)));
}

std::shared_ptr<input_queue> actor_cell::add_queue(queue_setup setup) {
  std::lock_guard lock(mutex_);
  const auto id = setup.session;
  auto q = queues_.emplace_back(std::make_shared<input_queue>(std::move(setup)));
  if (phase_ == phase::lost || phase_ == phase::closed) return q;
  if (!makes_sets()) return q;
  auto it = std::lower_bound(groups_.begin(), groups_.end(), id,
                             [](const input_group& g, session_id s) { return g.session < s; });
  if (it == groups_.end() || it->session != id) {
    input_group g;
    g.session = id;
    g.next_k = std::max<std::int64_t>(run_.graph().grid.index_of(run_.now()), 0);
    it = groups_.insert(it, std::move(g));
  }
  it->queues.push_back(q.get());
  return q;
}

void actor_cell::add_outputs(std::shared_ptr<session_outputs> out) {
  std::lock_guard lock(outputs_mutex_);
  if (!is_shared()) own_outputs_ = out;
  outputs_[out->id()] = std::move(out);
}

std::shared_ptr<session_outputs> actor_cell::outputs_of(session_id id) const {
  std::lock_guard lock(outputs_mutex_);
  const auto it = outputs_.find(id);
  return it == outputs_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<session_outputs>> actor_cell::open_outputs() const {
  std::vector<std::shared_ptr<session_outputs>> out;
  std::lock_guard lock(outputs_mutex_);
  for (const auto& [id, o] : outputs_)
    if (o->session && !o->session->closing.load()) out.push_back(o);
  return out;
}

// The session's queues go, with what is still in them, and its way out.
void actor_cell::remove_session(session_id id, std::vector<account>& retired) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    for (auto& q : queues_) {
      if (q->session() != id) continue;
      q->removed = true;
      q->purge(drop_reason::session_closed);
      if (auto sender = q->unblock_sender(monotonic_ns())) unblocked.push_back(std::move(sender));
    }
    order_.remove_if([&](const order_entry& t) { return t.queue && t.queue->session() == id; });
    std::erase_if(void_entries_, [&](const auto& d) { return d.first->session() == id; });
    std::erase_if(groups_, [&](const input_group& g) { return g.session == id; });
    // A queue with packets in the component's hands stays until they are settled.
    std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
      if (!q->removed || q->in_flight() > 0) return false;
      retired[q->setup().link].take(q->books());
      return true;
    });
  }
  {
    std::lock_guard lock(outputs_mutex_);
    outputs_.erase(id);
  }
  for (auto& sender : unblocked) sender->open_gate();
}

void actor_cell::each_link(
    const std::function<void(const session_outputs&, const link_end&)>& f) const {
  std::vector<std::shared_ptr<session_outputs>> all;
  {
    std::lock_guard lock(outputs_mutex_);
    for (const auto& [id, o] : outputs_) all.push_back(o);
  }
  for (const auto& o : all) {
    std::vector<std::vector<link_end>> link_ends;
    {
      std::lock_guard lock(outputs_mutex_);
      link_ends = o->link_ends;
    }
    for (const auto& port : link_ends)
      for (const auto& r : port) f(*o, r);
  }
}

void actor_cell::break_links() {
  std::lock_guard lock(outputs_mutex_);
  for (auto& [id, o] : outputs_) o->link_ends.clear();
  outputs_.clear();
}

void actor_cell::add_count(std::string_view counter, std::int64_t add) {
  std::lock_guard lock(mutex_);
  auto it = counters_.find(counter);
  if (it == counters_.end()) it = counters_.emplace(std::string(counter), 0).first;
  it->second += add;
}

void actor_cell::count_bad(std::size_t port, const std::string& why) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = counters_["bad_packets"]++ == 0;
    last_error_ = why;
  }
  // Once per actor: a component that emits garbage emits much of it.
  if (first) run_.event(name(), "bad_packet", info_.outputs[port].name + ": " + why);
}

bool actor_cell::source_done() const {
  std::lock_guard lock(mutex_);
  return source_ended_ || phase_ == phase::closed;
}

bool actor_cell::waits_for_back_edges() const {
  std::lock_guard lock(mutex_);
  if (role_ != actor_role::local) return false;
  if (phase_ != phase::open || (is_source() && !source_ended_)) return false;
  return std::all_of(queues_.begin(), queues_.end(),
                     [](const auto& q) { return q->back_edge() || q->drained(); });
}

bool actor_cell::has_pending_work() const {
  std::lock_guard lock(mutex_);
  return phase_ == phase::open && instance_ && instance_->pending_work.load() > 0;
}

std::string actor_cell::describe() const {
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

void actor_cell::add_status(actor_status& s, histogram::counts& times, std::int64_t& busy_ns,
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
  const auto mine = state_of(phase_, scheduled_, blocked_.load() > 0, run_.ending());
  // Of several sessions' cells the one furthest from idle is shown; stopped ones only if all are.
  if (s.state == actor_state::starting || s.state == actor_state::stopped ||
      (mine != actor_state::stopped && mine > s.state))
    s.state = mine;
  s.packets_in += packets_in_.load(std::memory_order_relaxed);
  s.packets_out += packets_out_.load(std::memory_order_relaxed);
  s.restarts += restarts_;
  const auto axis_now = run_.time.axis_now_ns();
  const auto window = static_cast<std::int64_t>(spec().restart.within_s * 1e9);
  const auto recent = std::count_if(restarts_at_ns_.begin(), restarts_at_ns_.end(),
                                    [&](std::int64_t t) { return axis_now - t <= window; });
  s.restarts_in_window = std::max(s.restarts_in_window, static_cast<std::uint64_t>(recent));
  if ((call_id_.load(std::memory_order_acquire) & 1) != 0) {
    const auto lasted = now_ns - call_began_ns_.load(std::memory_order_relaxed);
    s.call_ms = std::max(s.call_ms, static_cast<double>(lasted) / 1e6);
  }
  if (!last_error_.empty()) s.last_error = trust::without_secrets(last_error_);
  times_.add_to(times);
  busy_ns += busy_ns_.load(std::memory_order_relaxed);
  auto counted = counters_;
  if (const auto late = late_emits_.load(); late > 0)
    counted["late_emits"] = static_cast<std::int64_t>(late);
  for (const auto& [name, n] : counted) add_counter(s, name, n);
}

}  // namespace hocket::host
