#include "actors/host/run/graph_run.hpp"

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"
#include "graph/spec/to_yaml.hpp"
#include "graph/trust/secret.hpp"
#include "graph/trust/trial.hpp"

namespace hocket::host {

graph_run::graph_run(host_plan p, const registry& t, runtime_options o)
    : types(t),
      options(std::move(o)),
      time(options.virtual_time),
      observers(options.observers, time),
      topology(std::make_unique<const plan_revision>(std::move(p)), accounts),
      view(*this),
      sessions(*this),
      requests(*this),
      interrupts(*this),
      turns(*this),
      end(*this),
      status_(*this) {
  observers.show(graph());
  if (options.peers && !local().alone()) peers = options.peers(*this);
  if (options.changes) changes = options.changes(*this);
}

// The wire's threads call the run, and what changes it, until they have ended.
graph_run::~graph_run() {
  if (peers) peers->close();
}

void graph_run::detach_all() {
  observers.mute();
  // Kept until all have let go: the last reference must not go under the lock of a link.
  const auto cells = topology.detach();
  for (const auto& c : cells) c->outputs().break_links();
  if (peers) peers->detach_all();
}

namespace {

run_figures figures_of(const snapshot& s) {
  run_figures out;
  out.sessions = s.sessions;
  for (const auto& l : s.links) {
    auto& to = out.links.emplace_back(run_figures::link{l.from, l.to, l.sent});
    for (int i = 0; i < drop_reason_count; ++i)
      if (l.dropped[i] > 0)
        to.dropped.emplace_back(to_string(static_cast<drop_reason>(i)), l.dropped[i]);
  }
  for (const auto& a : s.actors) out.actors.push_back({a.name, a.restarts});
  for (const auto& b : s.budgets) out.budgets.push_back({b.path, b.missed});
  for (const auto& p : s.peers) {
    const bool is_up = p.state == wire::peer_state::up || p.state == wire::peer_state::suspect;
    out.hosts.push_back({p.name, is_up, is_up ? "" : p.reason});
  }
  return out;
}

}  // namespace

std::string current_plan_view::name() const { return run_.current().view.name(); }
std::string current_plan_view::hash() const { return run_.current().view.hash(); }
// All hosts' parts: a recording of one host is a recording of the graph.
std::string current_plan_view::expanded_yaml() const {
  return trust::graph_without_secrets(spec::to_yaml(run_.local().whole));
}
std::string current_plan_view::output_of(const packet_header& header) const {
  return run_.current().view.output_of(header);
}

run_figures current_plan_view::figures() const { return figures_of(run_.status()); }
bool current_plan_view::tells_of_run(const packet_header& header) const {
  const auto& actors = run_.graph().actors;
  if (header.way.count == 0) return false;
  const auto last = header.way.hops[header.way.count - 1u].actor;
  return last < actors.size() && watches_run(actors[last].type->info.type);
}

void graph_run::start(std::int64_t began_ns) {
  // In one go for the virtual loop: it must not begin with half of the timers.
  executor->inside([this, began_ns] {
    time.begin(began_ns);
    for (const auto& c : topology.cells()) turns.start_cell(c);
    turns.schedule_boundary(0);
    // All is open: from here on the files of the run before may go.
    if (const auto left = trust::keep_files(); !left.empty()) observers.event("", "not_kept", left);
    for (const auto id : topology.open_sessions()) topology.find_session(id)->begun.store(true);
    started.store(true);
    for (const auto& c : topology.cells()) c->wake();
    requests.run_started();
    end.maybe_ending();
  });
}

void graph_run::opened(actor_cell& c, const result<void>& how) {
  if (openings.opened(c, how)) requests.cell_opened(c.id().session);
}

void graph_run::note_hand_over(actor_index actor, const queued_packet& e, std::int64_t now_ns) {
  auto& budgets = current().budgets;
  if (!budgets.ends_in(actor) || is_virtual()) return;
  const auto broken =
      budgets.note(actor, e.item, e.queued_ns, now_ns != 0 ? now_ns : monotonic_ns());
  if (broken < 0 || end.stopping()) return;
  // Not here: the caller may hold its mutex.
  after(std::chrono::milliseconds(0), [this, broken, &budgets] {
    end.stop(end_reason::failed,
             fmt::format("budget {} missed", budgets.path_text(static_cast<std::size_t>(broken))));
  });
}

void graph_run::notify_loop() {
  if (on_notify) on_notify();
}

}  // namespace hocket::host
