#include "actors/host/actor/actor_cell.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor/job.hpp"
#include "actors/host/counters.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::host {

static actor_identity identity(const plan_revision& revision, actor_index actor, session_id session,
                               const graph_run& run) {
  const auto role = revision.local.roles[actor];
  const auto& spec = revision.graph.actors[actor];
  const bool proxy = role != actor_role::local && run.peers;
  return {.name = spec.name,
          .actor = actor,
          .session = session,
          .role = role,
          .remote = proxy ? run.peers->end_of(actor) : nullptr,
          .info = spec.type->info};
}

actor_cell::actor_cell(std::shared_ptr<graph_run> w, const plan_revision& revision,
                       actor_index actor, session_id session)
    : keep_(std::move(w)),
      run_(*keep_),
      id_(identity(revision, actor, session, run_)),
      types_(revision.types ? *revision.types : run_.types),
      spec_(&revision.graph.actors[actor]),
      policy_(revision.graph.actors[actor].policy),
      traced_(run_.observers.traced()),
      sets_(set_gatherer::make(policy_, revision.graph.grid, run_.is_virtual())),
      pacing_(id_.info) {
  begin_at(timestamp());
}

void actor_cell::begin_at(timestamp t) {
  std::lock_guard lock(mutex_);
  began_ = t;
  pacing_.begin_at(t, run_.graph().grid);
}

timestamp actor_cell::next_until() const {
  std::lock_guard lock(mutex_);
  return pacing_.next_until();
}

std::shared_ptr<input_queue> actor_cell::add_queue(queue_setup setup) {
  std::lock_guard lock(mutex_);
  auto q = queues_.emplace_back(std::make_shared<input_queue>(std::move(setup)));
  if (sets_ && phase_ != phase::lost && phase_ != phase::closed) sets_->add(*q, run_.now());
  return q;
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
    order_.forget_session(id);
    if (sets_) sets_->remove_session(id);
    // A queue with packets in the component's hands stays until they are settled.
    std::erase_if(queues_, [&](const std::shared_ptr<input_queue>& q) {
      if (!q->removed || q->in_flight() > 0) return false;
      retired[q->setup().link].take(q->books());
      return true;
    });
  }
  outputs_.remove(id);
  for (auto& sender : unblocked) sender->open_gate();
}

namespace {
// Names of counters are words of the code: whoever makes more of them makes them of data.
constexpr std::size_t counters_max = 1024, counter_name_max = 128;
constexpr auto left_out = "counters_left_out";

/// What this file counts: no component counts there, or it could hide what it does.
bool is_of_host(std::string_view counter) {
  return counter == "bad_packets" || counter == "late_emits" || counter == left_out ||
         counter == "log_lines_left_out";
}
}  // namespace

void actor_cell::add_count(std::string_view counter, std::int64_t add) {
  if (is_of_host(counter)) return add_count(fmt::format("own_{}", counter), add);
  std::lock_guard lock(mutex_);
  auto it = counters_.find(counter);
  if (it == counters_.end()) {
    auto name = own_words(counter, counter_name_max);
    if (is_of_host(name)) name.insert(0, "own_");  // once it is clean
    for (auto& c : name)
      if (c == '\n' || c == '\t') c = ' ';
    if (counters_.size() >= counters_max && !counters_.contains(name)) name = left_out, add = 1;
    it = counters_.emplace(std::move(name), 0).first;
  }
  it->second = saturated_sum(it->second, add);
}

void actor_cell::add_line(std::string_view message) {
  {
    std::lock_guard lock(mutex_);
    if (!lines_.takes(run_.now())) {
      ++counters_["log_lines_left_out"];
      return;
    }
  }
  run_.observers.event(id_.name, "log", own_words(message));
}

void actor_cell::count_bad(std::size_t port, const std::string& reason) {
  const auto why = own_words(reason);  // a schema's names what the payload says
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = counters_["bad_packets"]++ == 0;
    last_error_ = trust::redacted(why);
  }
  // Once per actor: a component that emits garbage emits much of it.
  if (first) run_.observers.event(id_.name, "bad_packet", id_.info.outputs[port].name + ": " + why);
}

bool actor_cell::source_done() const {
  std::lock_guard lock(mutex_);
  return pacing_.has_ended() || phase_ == phase::closed;
}

bool actor_cell::waits_for_back_edges() const {
  std::lock_guard lock(mutex_);
  if (id_.role != actor_role::local) return false;
  if (phase_ != phase::open || (id_.is_source() && !pacing_.has_ended())) return false;
  return std::all_of(queues_.begin(), queues_.end(),
                     [](const auto& q) { return q->back_edge() || q->drained(); });
}

bool actor_cell::has_pending_work() const {
  std::lock_guard lock(mutex_);
  return phase_ == phase::open && instance_ && instance_->pending_work.load() > 0;
}

bool actor_cell::is_over() const {
  const auto p = state();
  return p == phase::closed || p == phase::lost;
}

std::string actor_cell::describe() const {
  std::lock_guard lock(mutex_);
  auto text = fmt::format("{}: phase {}, blocked {}, tokens {}", id_.name, static_cast<int>(phase_),
                          blocked_.load(), order_.size());
  for (const auto& q : queues_)
    text += fmt::format(", {}{} queued, {} in hand{}", id_.info.inputs[q->port()].name + " ",
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
  const auto mine = state_of(phase_, scheduled_, blocked_.load() > 0, run_.end.ending());
  // Of several sessions' cells the one furthest from idle is shown; stopped ones only if all are.
  if (s.state == actor_state::starting || s.state == actor_state::stopped ||
      (mine != actor_state::stopped && mine > s.state))
    s.state = mine;
  s.packets_in += packets_in_.load(std::memory_order_relaxed);
  s.packets_out += packets_out_.load(std::memory_order_relaxed);
  s.restarts += restarts_.count();
  const auto recent = restarts_.recent(spec().restart, run_.time.axis_now_ns());
  s.restarts_in_window = std::max(s.restarts_in_window, recent);
  if (call_.is_in_call())
    s.call_ms = std::max(s.call_ms, static_cast<double>(now_ns - call_.began_ns()) / 1e6);
  if (!last_error_.empty()) s.last_error = last_error_;
  call_.add_to(times, busy_ns);
  auto counted = counters_;
  if (const auto late = late_emits_.load(); late > 0)
    counted["late_emits"] = static_cast<std::int64_t>(late);
  // Names of counters are words of the code; Python alone makes some of what it hears.
  const bool made = id_.info.type.starts_with("python.");
  for (const auto& [name, n] : counted) add_counter(s, made ? trust::redacted(name) : name, n);
}

}  // namespace hocket::host
