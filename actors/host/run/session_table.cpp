#include "actors/host/run/session_table.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::host {
namespace {

// The ways out of one cell for one session, with queues at their receivers. Topology lock held.
std::shared_ptr<session_outputs> connect(const topology_edit& edit, const plan_revision& by,
                                         const std::shared_ptr<actor_cell>& from,
                                         std::shared_ptr<session_state> session, session_id id) {
  auto out = std::make_shared<session_outputs>();
  out->session = std::move(session);
  out->link_ends.resize(from->id().info.outputs.size());
  out->streams.resize(from->id().info.outputs.size());
  for (std::size_t port = 0; port < out->link_ends.size(); ++port) {
    for (const auto l : by.layout.out_links[from->id().actor][port]) {
      if (!carries(by.local.whole, by.local.whole.links[l], id)) continue;
      auto to = edit.cell_of(by.graph.links[l].to, id);
      if (!to) continue;
      out->link_ends[port].push_back({to, to->add_queue(setup_of(by, l, id, from))});
      if (from->id().role == actor_role::remote_receiver)
        from->id().remote->link_added(*from, id, out->link_ends[port].back());
    }
  }
  return out;
}

}  // namespace

// Cells, queues and ways out of one session; with `none`, of the shared actors.
std::vector<std::shared_ptr<actor_cell>> session_table::make(const session_start& s) {
  const bool none = s.id == session_id::none;
  std::vector<std::shared_ptr<actor_cell>> made;
  topology_edit edit(run_);
  const auto& by = run_.current();
  const auto state = none ? nullptr : edit.add_session(s);
  for (const auto a : by.layout.upstream_first) {
    const bool shared = by.graph.actors[a].type->info.scope == instance_scope::shared;
    if (shared != none) continue;
    auto c = std::make_shared<actor_cell>(run_.shared_from_this(), by, a, s.id);
    made.push_back(c);
    edit.add(c);
  }
  edit.sort(by);
  for (const auto& c : made) {
    if (auto* end = c->id().remote) end->attached(c);
    run_.executor->attach(*c);
  }
  for (const auto a : by.layout.upstream_first) {
    const auto from = edit.cell_of(a, s.id);
    if (!from || (none && !from->id().is_shared())) continue;
    from->outputs().add(connect(edit, by, from, state, s.id), !from->id().is_shared());
  }
  return made;
}

std::vector<session_start> session_table::first() const {
  std::vector<session_start> out;
  for (int i = 0; i < run_.options.sessions; ++i)
    out.push_back({static_cast<session_id>(i + 1), 0});
  return out;
}

result<void> session_table::open_all(const std::vector<session_start>& sessions) {
  make({});
  for (const auto& s : sessions) make(s);
  return run_.openings.open(run_.topology.cells(), true);
}

void session_table::close_all_opened() {
  for (const auto& c : run_.topology.cells()) {
    c->request_close(true);
    while (!c->is_over()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

session_id session_table::open() {
  if (run_.peers && !run_.peers->leads()) return session_id::none;
  return run_.requests.open({}, {});
}

void session_table::prepare(session_id id) {
  if (run_.topology.find_session(id)) return;
  const auto made = make({id, 0});
  for (const auto& c : made) {
    c->begin_at(run_.now());  // no ticks of the time before it
    if (c->id().is_source()) c->close_gate();
  }
  (void)run_.openings.open(made, false);
}

void session_table::start(session_id id) {
  const auto session = run_.topology.find_session(id);
  if (!session || session->begun.exchange(true)) return;
  for (const auto& c : run_.topology.cells()) {
    if (c->id().session != id) continue;
    run_.turns.start_cell(c);
    if (c->id().is_source())
      c->open_gate();
    else
      c->wake();
  }
  run_.observers.event("", "session_opened", fmt::format("{}", static_cast<std::uint64_t>(id)));
  run_.notify_loop();
}

void session_table::close(session_id id, bool from_peer) {
  const auto session = run_.topology.find_session(id);
  if (!session || session->closing.exchange(true)) return;
  run_.requests.closing(id);
  if (run_.peers && !from_peer) run_.peers->session_closing(id);
  for (const auto& c : run_.topology.cells())
    if (c->id().session == id && c->id().is_source()) c->stop_source();
  run_.observers.event("", "session_closing", fmt::format("{}", static_cast<std::uint64_t>(id)));
  const auto limit_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
  drain(id, run_.time.axis_now_ns() + limit_ns);
}

// The most upstream cell that is still open goes when nothing waits in front of it: what feeds it
// from its own session has closed before, and shared actors do not learn that a session ends.
void session_table::drain(session_id id, std::int64_t deadline_ns) {
  std::shared_ptr<actor_cell> first;
  for (const auto& c : run_.topology.cells()) {
    if (c->id().session != id || c->id().is_shared() || c->is_over()) continue;
    first = c;
    break;
  }
  if (!first) return remove(id);
  const bool waits = first->has_queued() || first->has_pending_work();
  if (!waits || run_.time.axis_now_ns() > deadline_ns) first->request_close(true);
  run_.after(std::chrono::milliseconds(20), [this, id, deadline_ns] { drain(id, deadline_ns); });
}

void session_table::remove(session_id id) {
  const auto gone = topology_edit(run_).remove_session(id);
  if (run_.peers) run_.peers->session_removed(id);
  for (const auto& c : gone) {
    run_.executor->detach(*c);
    c->outputs().break_links();
  }
  run_.observers.session_closed(id);
  run_.current().budgets.forget(id);
  for (const auto& c : gone) run_.openings.forget(*c);
  run_.requests.ended(id);
}

}  // namespace hocket::host
