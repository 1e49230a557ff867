#include "actors/host/run/interrupts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {

void interrupts::raise(session_id id, const actor_cell* by) {
  const auto session = run_.topology.find_session(id);
  if (!session) return;
  epoch_number epoch = 0;
  {
    std::lock_guard lock(session->interrupting);
    epoch = session->epoch.load() + 1;
    apply(*session, by ? std::vector{by->id().actor} : run_.layout().responders, epoch, by);
    if (run_.peers)
      run_.peers->interrupted(id, epoch, by ? std::optional(by->id().actor) : std::nullopt);
  }
  run_.observers.event(by ? by->id().name : "", "interrupted", fmt::format("epoch {}", epoch));
}

void interrupts::raised_elsewhere(session_id id, epoch_number epoch, const std::string& by) {
  const auto session = run_.topology.find_session(id);
  if (!session) return;
  auto from = run_.layout().responders;
  if (!by.empty()) {
    const auto& actors = run_.local().whole.actors;
    const auto it = std::find_if(actors.begin(), actors.end(),
                                 [&](const auto& a) { return a.name == by && !a.removed; });
    if (it == actors.end()) return;
    from = {static_cast<actor_index>(it - actors.begin())};
  }
  {
    std::lock_guard lock(session->interrupting);
    apply(*session, from, epoch, nullptr);
  }
  run_.observers.event("", "interrupted", fmt::format("epoch {}", epoch));
}

void interrupts::apply(session_state& session, const std::vector<actor_index>& from,
                       epoch_number epoch, const actor_cell* by) {
  const auto& downstream = run_.layout().downstream;
  auto links = std::vector<bool>(downstream.empty() ? 0 : downstream.front().size(), false);
  for (const auto a : from)
    for (std::size_t l = 0; l < links.size(); ++l) links[l] = links[l] || downstream[a][l];
  const auto id = session.id;
  const auto cells = run_.topology.cells();
  const auto concerns = [&](const actor_cell& c) {
    return c.id().session == id || c.id().is_shared();
  };
  // Queues first, then the epoch: a call that starts with the new epoch finds no old input.
  for (const auto& c : cells)
    if (concerns(*c)) c->purge_older(id, links, epoch);
  session.epoch.store(std::max(epoch, session.epoch.load()), std::memory_order_release);
  for (const auto& c : cells) {
    if (!concerns(*c) || c.get() == by) continue;
    control content;
    content.what = control::kind::interrupt;
    content.value = epoch;
    auto p = make_packet(run_.now(), std::move(content));
    p.header.session = id;
    p.header.epoch = epoch;
    c->control_lane(0, std::move(p));
  }
}

}  // namespace hocket::host
