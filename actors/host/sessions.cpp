// Cells come and go with sessions; the orderly start.
#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/graph_run.hpp"
#include "graph/spec/replicas.hpp"
#include "graph/trust/trial.hpp"

namespace hocket::host {

std::shared_ptr<actor_cell> graph_run::cell_of(actor_index actor, session_id id) const {
  const bool shared = graph().actors[actor].type->info.scope == instance_scope::shared;
  for (const auto& c : cells_)
    if (c->actor() == actor && (shared || c->session() == id) && !c->is_retiring()) return c;
  return nullptr;
}

// Upstream first, and sessions in order: so they open, close and are told.
void graph_run::sort_cells(const plan_revision& by) {
  const auto& rank = by.layout.rank;
  std::stable_sort(cells_.begin(), cells_.end(), [&](const auto& a, const auto& b) {
    return std::pair(rank[a->actor()], a->session()) < std::pair(rank[b->actor()], b->session());
  });
}

// Cells, queues and ways out of one session; with `none`, of the shared actors.
std::vector<std::shared_ptr<actor_cell>> graph_run::make_session(session_id id,
                                                                 epoch_number epoch) {
  const bool none = id == session_id::none;
  std::vector<std::shared_ptr<actor_cell>> made;
  std::lock_guard lock(topology_);
  const auto& w = current();
  auto state = none ? nullptr : std::make_shared<session_state>(id);
  if (state) {
    state->epoch.store(epoch);
    sessions_[id] = state;
    next_session_ = std::max(next_session_, static_cast<std::uint64_t>(id) + 1);
  }
  for (const auto a : layout().upstream_first) {
    const bool shared = graph().actors[a].type->info.scope == instance_scope::shared;
    if (shared != none) continue;
    auto c = std::make_shared<actor_cell>(shared_from_this(), w, a, id);
    made.push_back(c);
    cells_.push_back(c);
    unclosed_.fetch_add(1);
    if (c->is_source()) sources_open_.fetch_add(1);
  }
  sort_cells(w);
  for (const auto& c : made) {
    if (auto* end = c->remote()) end->attached(c);
    executor->attach(*c);
  }

  for (const auto a : layout().upstream_first) {
    auto from = cell_of(a, id);
    if (!from || (none && !from->is_shared())) continue;
    auto out = std::make_shared<session_outputs>();
    out->session = state;
    out->link_ends.resize(from->info().outputs.size());
    out->streams.resize(from->info().outputs.size());
    for (std::size_t port = 0; port < out->link_ends.size(); ++port) {
      for (const auto l : layout().out_links[a][port]) {
        const auto& link = graph().links[l];
        if (!carries(local().whole, local().whole.links[l], id)) continue;
        auto to = cell_of(link.to, id);
        if (!to) continue;
        out->link_ends[port].push_back({to, to->add_queue(setup_of(w, l, id, from))});
        if (from->role() == actor_role::remote_receiver)
          from->remote()->link_added(*from, id, out->link_ends[port].back());
      }
    }
    from->add_outputs(std::move(out));
  }
  return made;
}

queue_setup graph_run::setup_of(const plan_revision& w, std::size_t l, session_id id,
                                const std::shared_ptr<actor_cell>& from) const {
  const auto& link = w.graph.links[l];
  const auto& whole = w.local.whole.links[l];
  queue_setup q;
  q.link = l;
  q.port = link.to_port;
  q.spec = link.queue;
  q.back_edge = link.back_edge;
  q.lets_sender_go = whole.back_edge;
  q.policy = w.local.whole.actors[whole.to].policy;
  q.session = id;
  q.grid = w.graph.grid;
  q.sender = from;
  return q;
}

result<void> graph_run::open_cells(const std::vector<std::shared_ptr<actor_cell>>& cells,
                                   bool fatal) {
  // Downstream first: an actor that emits finds its receivers open.
  for (auto it = cells.rbegin(); it != cells.rend(); ++it) {
    auto& c = *it;
    {
      std::lock_guard lock(end_mutex_);
      openings_[c.get()] = {};
    }
    c->request_open();
    if (!fatal) continue;
    std::unique_lock lock(end_mutex_);
    end_.wait(lock, [&] { return openings_[c.get()].done; });
    if (auto& how = openings_[c.get()].how; !how)
      return fail("host.open_failed",
                  fmt::format("{} ({}) did not open: {} [{}]", c->name(), c->info().type,
                              how.error().message, how.error().code));
  }
  return {};
}

std::optional<result<void>> graph_run::wait_opened(const actor_cell& c, std::int64_t until_ns) {
  std::unique_lock lock(end_mutex_);
  auto& opening = openings_[&c];
  while (!opening.done && monotonic_ns() < until_ns && !stopping_.load())
    end_.wait_for(lock, std::chrono::milliseconds(20));
  if (!opening.done) return {};
  return opening.how;
}

std::optional<result<void>> graph_run::how_opened(const actor_cell& c) const {
  std::lock_guard lock(end_mutex_);
  const auto it = openings_.find(&c);
  if (it == openings_.end() || !it->second.done) return {};
  return it->second.how;
}

void graph_run::opened(actor_cell& c, const result<void>& how) {
  {
    std::lock_guard lock(end_mutex_);
    auto it = openings_.find(&c);
    if (it == openings_.end()) return;
    it->second.done = true;
    it->second.how = how;
    end_.notify_all();
  }
  requests.cell_opened(c.session());
}

std::vector<graph_run::session_start> graph_run::first_sessions() {
  std::vector<session_start> out;
  for (int i = 0; i < options.sessions; ++i) out.push_back({static_cast<session_id>(i + 1), 0});
  return out;
}

result<void> graph_run::open_all(const std::vector<session_start>& sessions) {
  make_session(session_id::none);
  for (const auto& s : sessions) make_session(s.id, s.epoch);
  return open_cells(all_cells(), true);
}

void graph_run::close_all_opened() {
  for (const auto& c : all_cells()) {
    c->request_close(true);
    while (c->state() != phase::closed && c->state() != phase::lost)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void graph_run::start(std::int64_t began_ns) {
  // In one go for the virtual loop: it must not begin with half of the timers.
  executor->inside([this, began_ns] {
    time.begin(began_ns);
    for (const auto& c : all_cells()) start_cell_timers(c);
    schedule_boundary(0);
    // All is open: from here on the files of the run before may go.
    if (const auto left = trust::keep_files(); !left.empty()) event("", "not_kept", left);
    for (const auto id : open_sessions()) find_session(id)->begun.store(true);
    started.store(true);
    for (const auto& c : all_cells()) c->wake();
    requests.run_started();
    maybe_ending();
  });
}

session_id graph_run::open_session() {
  if (peers && !peers->leads()) return session_id::none;
  return requests.open({}, {});
}

void graph_run::prepare_session(session_id id) {
  if (find_session(id)) return;
  auto made = make_session(id);
  for (const auto& c : made) {
    c->begin_at(now());  // no ticks of the time before it
    if (c->is_source()) c->close_gate();
  }
  (void)open_cells(made, false);
}

void graph_run::start_session(session_id id) {
  const auto session = find_session(id);
  if (!session || session->begun.exchange(true)) return;
  for (const auto& c : all_cells()) {
    if (c->session() != id) continue;
    start_cell_timers(c);
    if (c->is_source())
      c->open_gate();
    else
      c->wake();
  }
  event("", "session_opened", fmt::format("{}", static_cast<std::uint64_t>(id)));
  notify_loop();
}

void graph_run::close_session(session_id id, bool from_peer) {
  const auto session = find_session(id);
  if (!session || session->closing.exchange(true)) return;
  requests.closing(id);
  if (peers && !from_peer) peers->session_closing(id);
  for (const auto& c : all_cells())
    if (c->session() == id && c->is_source()) c->stop_source();
  event("", "session_closing", fmt::format("{}", static_cast<std::uint64_t>(id)));
  drain_session(id, time.axis_now_ns() + static_cast<std::int64_t>(options.drain_limit_s * 1e9));
}

// The most upstream cell that is still open goes when nothing waits in front of it: what feeds it
// from its own session has closed before, and shared actors do not learn that a session ends.
void graph_run::drain_session(session_id id, std::int64_t deadline_ns) {
  std::shared_ptr<actor_cell> first;
  for (const auto& c : all_cells()) {
    if (c->session() != id || c->is_shared()) continue;
    const auto p = c->state();
    if (p == phase::closed || p == phase::lost) continue;
    first = c;
    break;
  }
  if (!first) return remove_session(id);
  if ((!first->has_queued() && !first->has_pending_work()) || time.axis_now_ns() > deadline_ns)
    first->request_close(true);
  after(std::chrono::milliseconds(20), [this, id, deadline_ns] { drain_session(id, deadline_ns); });
}

void graph_run::remove_session(session_id id) {
  std::vector<std::shared_ptr<actor_cell>> gone_cells;
  {
    std::lock_guard lock(topology_);
    std::vector<account> books(graph().links.size());
    for (const auto& c : cells_) c->remove_session(id, books);
    std::erase_if(cells_, [&](const auto& c) {
      if (c->session() != id || c->is_shared()) return false;
      gone_cells.push_back(c);
      return true;
    });
    sessions_.erase(id);
    // Before retired_mutex_: a cell takes it under its own when one of its queues was removed.
    std::vector<link_account> unused(graph().links.size());
    for (const auto& c : gone_cells) {
      auto& past = closed_totals_[c->actor()];
      c->add_status(past.totals, past.times, past.busy_ns, unused);
    }
    std::lock_guard retired(closed_mutex_);
    for (std::size_t l = 0; l < books.size(); ++l) closed_accounts_[l].take(books[l]);
  }
  if (peers) peers->session_removed(id);
  for (auto& c : gone_cells) {
    executor->detach(*c);
    c->break_links();
  }
  event("", "session_closed", fmt::format("{}", static_cast<std::uint64_t>(id)));
  {
    std::lock_guard lock(end_mutex_);
    for (const auto& c : gone_cells) openings_.erase(c.get());
  }
  requests.ended(id);
}

void graph_run::start_cell_timers(const std::shared_ptr<actor_cell>& c) {
  c->begin_at(now());
  if (c->is_source() && (is_virtual() || !c->info().blocking)) follow_source(c, c->next_until());
}

void graph_run::follow_source(const std::weak_ptr<actor_cell>& weak, timestamp until) {
  at(until, 0, [this, weak, until] {
    auto c = weak.lock();
    if (!c || c->source_done()) return;
    c->source_due(until);
    follow_source(weak, c->until_after(until));
  });
}

void graph_run::schedule_boundary(std::int64_t k) {
  if (has_boundaries_) return;
  const bool any = std::any_of(layout().upstream_first.begin(), layout().upstream_first.end(),
                               [this](actor_index a) {
                                 return graph().actors[a].type->info.ticks ||
                                        graph().actors[a].policy == input_policy::micro_turn;
                               });
  if (!any) return;
  has_boundaries_ = true;
  at(
      graph().grid.end_of(k), 1, [this, k] { boundary(k); }, true);
}

void graph_run::boundary(std::int64_t k) {
  for (const auto& c : all_cells())
    if (c->info().ticks) c->tick_due(k);
  notify_deadlines(k);
  has_boundaries_ = false;
  if (!finished()) schedule_boundary(k + 1);
}

// In virtual time upstream actors get their micro-turn first, and what they say is in that of
// those behind them. In real time inputs get a little grace to arrive.
void graph_run::notify_deadlines(std::int64_t k) {
  const auto tell = [this, k](actor_index a) {
    for (const auto& c : all_cells())
      if (c->actor() == a) c->deadline(k);
  };
  const auto end = graph().grid.end_of(k);
  for (const auto a : layout().upstream_first) {
    if (graph().actors[a].policy != input_policy::micro_turn) continue;
    const auto grace = std::chrono::milliseconds(is_virtual() ? 0 : options.grace_ms);
    const auto rank = 10 + static_cast<int>(layout().rank[a]);
    at(
        end + grace, rank, [tell, a] { tell(a); }, true);
  }
}

}  // namespace hocket::host
