// What a rewire opens beside the old actors, and closes again where it is rolled back.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "actors/host/actor/cell_change.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/run/topology.hpp"
#include "actors/rewire/rewirer.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/trust/trial.hpp"

namespace hocket::rewire {
namespace {

/// True for who opens when the instance before it has closed: a source that waits, and who holds a
/// device or a file that only one can.
bool opens_later(const plan_actor& a) {
  return a.type->info.blocking && (a.type->info.source || spec::holds_alone(a));
}

}  // namespace

void rewirer::prepare_actors(change& c, bool sources, timestamp begins) {
  const auto& next = *c.target;
  std::vector<session_id> sessions = run_.topology.open_sessions();
  std::vector<std::shared_ptr<actor_cell>> made;
  for (const auto a : next.layout.upstream_first) {
    const auto& info = next.graph.actors[a].type->info;
    const bool replaces = c.what.takes_over[a].has_value();
    if (!c.fresh[a] || info.source != sources) continue;
    if (next.local.roles[a] != actor_role::local) continue;  // proxies cannot fail
    if (replaces && opens_later(next.graph.actors[a])) continue;
    const bool shared = info.scope == instance_scope::shared;
    for (const auto id : shared ? std::vector{session_id::none} : sessions) {
      std::shared_ptr<actor_cell> before;
      if (replaces) before = topology_edit(run_).cell_of(*c.what.takes_over[a], id);
      auto replacement = std::make_shared<actor_cell>(run_.shared_from_this(), next, a, id);
      auto home = std::make_shared<session_outputs>();
      home->session = run_.topology.find_session(id);
      if (!shared && !home->session) continue;
      home->link_ends.resize(info.outputs.size());
      home->streams.resize(info.outputs.size());
      replacement->outputs().add(std::move(home), !replacement->id().is_shared());
      run_.executor->attach(*replacement);
      cell_change(*replacement).prepare(before.get(), begins);
      c.prepared[{a, id}] = replacement;
      made.push_back(std::move(replacement));
    }
  }
  {
    std::lock_guard lock(mutex_);
    prepared_ = c.prepared;
  }
  (void)run_.openings.open(made, false);
}

// What was not tried is looked at as far as that goes, and told.
bool rewirer::check_untried(change& c) {
  const auto& next = *c.target;
  for (const auto a : next.layout.upstream_first) {
    const auto& actor = next.graph.actors[a];
    if (!c.fresh[a] || !c.what.takes_over[a] || next.local.roles[a] != actor_role::local) continue;
    if (!opens_later(actor)) continue;
    const auto who = fmt::format("{} ({})", actor.name, actor.type->info.type);
    if (const auto missing = spec::missing_input(actor); !missing.empty()) {
      fail(c, "rewire.open_failed", fmt::format("{} reads {}, which is not there", who, missing));
      return false;
    }
    auto note =
        who +
        " was not tried: it opens when the one before it has closed, since only one of them "
        "can hold its file or device; if it fails then, its restart policy decides";
    // Asked again while others still open: told once.
    if (std::ranges::find(c.out.notes, note) == c.out.notes.end())
      c.out.notes.push_back(std::move(note));
  }
  return true;
}

bool rewirer::all_opened(change& c, std::int64_t deadline_ns) {
  if (!check_untried(c)) return false;
  for (const auto& [where, one] : c.prepared) {
    const auto how =
        run_.openings.wait_for(*one, deadline_ns, [this] { return run_.end.stopping(); });
    const auto who = fmt::format("{} ({})", one->id().name, one->id().info.type);
    if (!how)
      fail(c, "rewire.too-slow", who + " did not open in time");
    else if (!*how)
      fail(c, "rewire.open_failed",
           fmt::format("{} did not open: {} [{}]", who, how->error().message, how->error().code));
    else
      continue;
    return false;
  }
  return true;
}

void rewirer::roll_back(change& c) {
  std::vector<std::shared_ptr<actor_cell>> prepared;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [where, one] : prepared_) prepared.push_back(one);
  }
  for (const auto& one : prepared) one->request_close(true);
  // In good order where they answer; one that hangs is left behind, like any other.
  const auto until = monotonic_ns() + 2'000'000'000;
  for (const auto& one : prepared)
    while (!one->is_over() && monotonic_ns() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (const auto& one : prepared) {
    run_.executor->detach(*one);
    run_.openings.forget(*one);
  }
  (void)trust::end_change(&run_, false);
  if (links_) {
    if (!c.decided) links_->set_next_graph("");  // else the others have it
    links_->abort();
  }
  {
    std::lock_guard lock(mutex_);
    prepared_.clear();
  }
  // Cells that are left behind hold on to it.
  topology_edit(run_).keep(std::move(c.next));
}

void rewirer::add_prepared(std::vector<std::shared_ptr<actor_cell>>& cells) const {
  std::lock_guard lock(mutex_);
  for (const auto& [where, one] : prepared_) cells.push_back(one);
}

}  // namespace hocket::rewire
