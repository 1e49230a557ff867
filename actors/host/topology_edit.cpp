#include "actors/host/topology_edit.hpp"

#include <algorithm>

#include "actors/host/actor_cell.hpp"
#include "actors/host/graph_run.hpp"

namespace hocket::host {

topology_edit::topology_edit(graph_run& run) : run_(run), lock_(run.topology_) {}

const std::vector<std::shared_ptr<actor_cell>>& topology_edit::cells() const { return run_.cells_; }

const std::map<session_id, std::shared_ptr<session_state>>& topology_edit::sessions() const {
  return run_.sessions_;
}

std::shared_ptr<actor_cell> topology_edit::cell_of(actor_index actor, session_id id) const {
  return run_.cell_of(actor, id);
}

void topology_edit::add(const std::shared_ptr<actor_cell>& c) {
  run_.cells_.push_back(c);
  run_.unclosed_.fetch_add(1);
  if (c->is_source()) run_.sources_open_.fetch_add(1);
}

void topology_edit::sort(const plan_revision& by) { run_.sort_cells(by); }

void topology_edit::remove(const std::shared_ptr<actor_cell>& c) {
  auto& totals = run_.closed_totals_[c->actor()];
  std::vector<link_account> unused(run_.graph().links.size());
  c->add_status(totals.totals, totals.times, totals.busy_ns, unused);
  std::erase(run_.cells_, c);
}

void topology_edit::install(std::unique_ptr<const plan_revision> next) {
  run_.install(std::move(next));
}

void topology_edit::keep(std::unique_ptr<const plan_revision> unused) {
  if (unused) run_.revisions_.insert(run_.revisions_.begin(), std::move(unused));
}

}  // namespace hocket::host
