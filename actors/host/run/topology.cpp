#include "actors/host/run/topology.hpp"

#include <algorithm>
#include <utility>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/run/account_store.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {

topology::topology(std::unique_ptr<const plan_revision> first, account_store& accounts)
    : accounts_(accounts) {
  install(std::move(first));
}

void topology::install(std::unique_ptr<const plan_revision> next) {
  bool sources = false;
  for (const auto& a : next->local.whole.actors)
    sources = sources || (a.type->info.source && !a.removed);
  has_sources_.store(sources);
  accounts_.resize(next->graph.links.size(), next->graph.actors.size());
  current_.store(next.get(), std::memory_order_release);
  revisions_.push_back(std::move(next));
}

std::vector<std::shared_ptr<actor_cell>> topology::cells() const {
  std::lock_guard lock(mutex_);
  return cells_;
}

std::shared_ptr<session_state> topology::find_session(session_id id) const {
  std::lock_guard lock(mutex_);
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

std::vector<session_id> topology::open_sessions() const {
  std::lock_guard lock(mutex_);
  std::vector<session_id> ids;
  for (const auto& [id, s] : sessions_)
    if (!s->closing.load()) ids.push_back(id);
  return ids;
}

std::size_t topology::session_count() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

session_id topology::next_session() {
  std::lock_guard lock(mutex_);
  return static_cast<session_id>(next_session_++);
}

std::vector<std::shared_ptr<actor_cell>> topology::detach() {
  std::lock_guard lock(mutex_);
  return std::exchange(cells_, {});
}

topology_edit::topology_edit(graph_run& run) : run_(run), all_(run.topology), lock_(all_.mutex_) {}

const std::vector<std::shared_ptr<actor_cell>>& topology_edit::cells() const { return all_.cells_; }

const std::map<session_id, std::shared_ptr<session_state>>& topology_edit::sessions() const {
  return all_.sessions_;
}

std::shared_ptr<actor_cell> topology_edit::cell_of(actor_index actor, session_id id) const {
  const bool shared = all_.current().graph.actors[actor].type->info.scope == instance_scope::shared;
  for (const auto& c : all_.cells_)
    if (c->id().actor == actor && (shared || c->id().session == id) && !c->is_retiring()) return c;
  return nullptr;
}

void topology_edit::add(const std::shared_ptr<actor_cell>& c) {
  all_.cells_.push_back(c);
  run_.end.cell_added(*c);
}

std::shared_ptr<session_state> topology_edit::add_session(const session_start& s) {
  auto state = std::make_shared<session_state>(s.id);
  state->epoch.store(s.epoch);
  all_.sessions_[s.id] = state;
  all_.next_session_ = std::max(all_.next_session_, static_cast<std::uint64_t>(s.id) + 1);
  return state;
}

void topology_edit::sort(const plan_revision& by) {
  const auto& rank = by.layout.rank;
  std::stable_sort(all_.cells_.begin(), all_.cells_.end(), [&](const auto& a, const auto& b) {
    return std::pair(rank[a->id().actor], a->id().session) <
           std::pair(rank[b->id().actor], b->id().session);
  });
}

void topology_edit::remove(const std::shared_ptr<actor_cell>& c) {
  all_.accounts_.add_actor(*c);
  std::erase(all_.cells_, c);
}

std::vector<std::shared_ptr<actor_cell>> topology_edit::remove_session(session_id id) {
  std::vector<account> books(all_.current().graph.links.size());
  for (const auto& c : all_.cells_) c->remove_session(id, books);
  std::vector<std::shared_ptr<actor_cell>> gone;
  std::erase_if(all_.cells_, [&](const auto& c) {
    if (c->id().session != id || c->id().is_shared()) return false;
    gone.push_back(c);
    return true;
  });
  all_.sessions_.erase(id);
  for (const auto& c : gone) all_.accounts_.add_actor(*c);
  all_.accounts_.add(books);
  return gone;
}

void topology_edit::install(std::unique_ptr<const plan_revision> next) {
  all_.install(std::move(next));
}

void topology_edit::keep(std::unique_ptr<const plan_revision> unused) {
  if (unused) all_.revisions_.insert(all_.revisions_.begin(), std::move(unused));
}

}  // namespace hocket::host
