// A rewire's commit: cells and queues change over while the run goes on.
#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor/cell_change.hpp"
#include "graph/trust/trial.hpp"
#include "actors/rewire/rewirer.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/run/topology.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::rewire {

/// What takes part in one commit.
struct rewirer::transition {
  const plan_revision& before;
  const plan_revision& next;
  std::vector<session_id> sessions;                         ///< `none` first
  std::vector<std::shared_ptr<actor_cell>> old;             ///< upstream first
  std::map<actor_key, std::shared_ptr<actor_cell>> places;  ///< which cell is where afterwards
  std::vector<std::pair<std::shared_ptr<actor_cell>, std::shared_ptr<actor_cell>>>
      replacements;                                                  ///< and before them
  std::map<std::pair<std::size_t, session_id>, link_end> link_ends;  ///< by link
  std::map<std::size_t, std::uint64_t> handed_over;                  ///< by link

  bool stays(const actor_cell& c) const {
    const auto it = places.find({c.id().actor, c.id().session});
    return it != places.end() && it->second.get() == &c;
  }
  bool runs(std::size_t link) const { return next.local.realised(link); }
  std::shared_ptr<actor_cell> cell_at(actor_index a, session_id id) const {
    const bool shared = next.graph.actors[a].type->info.scope == instance_scope::shared;
    const auto it = places.find({a, shared ? session_id::none : id});
    return it == places.end() ? nullptr : it->second;
  }
};

void rewirer::commit(change& c) {
  if (run_.end.ending() || run_.end.stopping())
    return fail(c, "rewire.run-ended", "the run is about to end");
  transition s{run_.current(), *c.target, {session_id::none}, {}, {}, {}, {}, {}};
  note_files(s.before.graph);
  {
    // A session that opens from here on finds the new plan.
    topology_edit edit(run_);
    take_places(edit, c, s);
    if (links_) links_->install(s.next.local);
    edit.install(std::move(c.next));
    connect_queues(edit, c, s);
    connect_outputs(edit, c, s);
  }
  at_ = c.at;
  c.out.at = c.at;
  c.out.revision = number_of(c);
  run_.observers.rewired({s.next.graph, s.next.local.whole, c.wanted, c.out.revision, c.at});
  for (const auto& one : s.old) {
    if (s.stays(*one)) cell_change(*one).adjust(s.next.graph.actors[one->id().actor]);
    reroute(c, s, *one);
  }
  drain_old_queues(c, s);
  for (const auto& [end, r] : s.link_ends)
    if (end.first < c.what.links.size() && c.what.links[end.first] == link_fate::requeued)
      cell_change(*r.to).set_policy(*r.queue, s.next.graph.links[end.first].queue);

  // Files that the new actors created are the run's from here on.
  if (const auto problems = trust::end_change(&run_, true); !problems.empty())
    c.out.notes.push_back(problems);
  retire_old(c, s);
  if (links_) {
    links_->retire(c.what, c.out.revision);
    links_->activate_new();
  }
  set_limits(c, s);
  run_.turns.schedule_boundary(s.next.graph.grid.index_of(c.at));
  c.out.state = rewire_state::committed;
  revision_.store(c.out.revision);
  if (links_) links_->set_graph(c.out.hash_after, c.out.revision);
  report_packets(c, s);
  run_.observers.event(
      "", "rewired",
      fmt::format("revision {} at {:.3f} s: {}", c.out.revision, c.at.seconds(), c.out.hash_after));
  run_.notify_loop();
}

// New cells begin, old ones retire; a replacement begins when the one before it has closed.
void rewirer::retire_old(change& c, transition& s) {
  {
    std::lock_guard lock(mutex_);
    prepared_.clear();
    for (const auto& one : s.old)
      if (!s.stays(*one)) retiring_[one.get()] = {one, nullptr};
    for (const auto& [replacement, before] : s.replacements)
      if (before && retiring_.contains(before.get())) retiring_[before.get()].second = replacement;
  }
  for (const auto& [replacement, before] : s.replacements)
    if (!before && !waits_for_host(c, replacement)) begin(replacement, nullptr);
  for (const auto& one : s.old) {
    if (s.stays(*one)) continue;
    const auto replacement = s.cell_at(one->id().actor, one->id().session);
    cell_change(*one).retire(replacement != nullptr, c.at);
    // It may have ended by itself before it knew.
    if (one->is_over()) retired(*one);
  }
}

void rewirer::report_packets(change& c, const transition& s) const {
  for (const auto& [link, n] : s.handed_over) {
    if (n == 0) continue;
    const auto& l = s.next.graph.links[link];
    const auto& from = s.next.graph.actors[l.from];
    const auto& to = s.next.graph.actors[l.to];
    c.out.packets.push_back({from.name + "." + from.type->info.outputs[l.from_port].name + " > " +
                                 to.name + "." + to.type->info.inputs[l.to_port].name,
                             n, 0});
  }
}

// A cell that does not come to an end in time is closed by force; one that is not needed after all,
// at once. The timers are passive: they do not keep a run in virtual time alive.
void rewirer::set_limits(change& c, transition& s) {
  const auto now_ns = run_.time.axis_now_ns();
  const auto limit_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
  for (const auto& one : s.old) {
    if (s.stays(*one)) continue;
    const auto force = [weak = one->weak_from_this()] {
      if (const auto late = weak.lock(); late && !late->is_over()) late->request_close(true);
    };
    run_.timer.add(now_ns + limit_ns, 0, force, true);
  }
  for (const auto& [where, one] : c.prepared) {
    const auto it = s.places.find(where);
    if (it != s.places.end() && it->second == one) continue;
    one->request_close(true);  // its conversation ended meanwhile
    run_.timer.add(
        now_ns + limit_ns, 0, [this, stray = one] { run_.executor->detach(*stray); }, true);
  }
}

bool rewirer::writes_anew(const plan& next, actor_index a) const {
  // A process that was started again does not know what the one before it wrote.
  if (run_.resumed.load()) return false;
  plan alone;
  alone.actors = {next.actors[a]};
  const auto files = spec::outputs_of(alone);
  return !files.empty() && std::none_of(files.begin(), files.end(),
                                        [&](const auto& f) { return written_.contains(f.path); });
}

void rewirer::note_files(const plan& graph) {
  for (const auto& f : spec::outputs_of(graph)) written_.insert(f.path);
}

// Topology lock held: which cells stay, are new, retire.
void rewirer::take_places(topology_edit& edit, change& c, transition& s) {
  for (const auto& [id, state] : edit.sessions()) s.sessions.push_back(id);
  for (const auto& one : edit.cells())
    if (!one->is_retiring()) s.old.push_back(one);
  std::map<actor_key, std::shared_ptr<actor_cell>> before;
  for (const auto& one : s.old) {
    before[{one->id().actor, one->id().session}] = one;
    const auto a = one->id().actor;
    if (!c.fresh[a] && s.next.local.roles[a] != actor_role::absent)
      s.places[{a, one->id().session}] = one;
  }
  for (const auto a : s.next.layout.upstream_first) {
    if (!c.fresh[a]) continue;
    const bool shared = s.next.graph.actors[a].type->info.scope == instance_scope::shared;
    for (const auto id : s.sessions) {
      if (shared != (id == session_id::none)) continue;
      const auto old = c.what.takes_over[a];
      const auto it = old ? before.find({*old, id}) : before.end();
      const auto whose = it == before.end() ? nullptr : it->second;
      auto& replacement = c.prepared[{a, id}];
      if (!replacement) {  // of a conversation that came meanwhile, or one that cannot open beside the old
        replacement = std::make_shared<actor_cell>(run_.shared_from_this(), s.next, a, id);
        run_.executor->attach(*replacement);
        const auto* goes_on = writes_anew(s.next.graph, a) ? nullptr : whose.get();
        cell_change(*replacement).prepare(goes_on, c.at);
      }
      if (auto* end = replacement->id().remote) end->attached(replacement);
      cell_change(*replacement).take_place();
      s.places[{a, id}] = replacement;
      s.replacements.emplace_back(replacement, whose);
      edit.add(replacement);
    }
  }
  edit.sort(s.next);
}

// Topology lock held. A queue of a link that stays, in front of a cell that stays, stays.
void rewirer::connect_queues(topology_edit&, change&, transition& s) {
  std::map<const actor_cell*, std::shared_ptr<actor_cell>> before;
  for (const auto& [replacement, whose] : s.replacements) before[replacement.get()] = whose;
  for (std::size_t l = 0; l < s.next.graph.links.size(); ++l) {
    if (!s.runs(l)) continue;
    const auto& link = s.next.graph.links[l];
    for (const auto id : s.sessions) {
      if (!carries(s.next.local.whole, s.next.local.whole.links[l], id)) continue;
      const auto from = s.cell_at(link.from, id);
      const auto to = s.cell_at(link.to, id);
      if (!from || !to ||
          (id == session_id::none && !(from->id().is_shared() && to->id().is_shared())))
        continue;
      auto queue = cell_change(*to).queue_of(l, id);
      if (!queue) {
        // Until the old sender has gone, it is the one that is stopped by a full queue.
        const auto it = before.find(from.get());
        const auto sender = it != before.end() && it->second ? it->second : from;
        queue = to->add_queue(setup_of(s.next, l, id, sender));
      }
      s.link_ends[{l, id}] = {to, std::move(queue)};
    }
  }
}

void rewirer::connect_outputs(topology_edit& edit, change&, transition& s) {
  for (const auto& [replacement, whose] : s.replacements) {
    const auto& ports = s.next.layout.out_links[replacement->id().actor];
    for (const auto id : s.sessions) {
      if (!replacement->id().is_shared() && replacement->id().session != id) continue;
      auto out = std::make_shared<session_outputs>();
      if (const auto it = edit.sessions().find(id); it != edit.sessions().end())
        out->session = it->second;
      out->link_ends.resize(ports.size());
      out->streams.resize(ports.size());
      for (std::size_t port = 0; port < ports.size(); ++port)
        for (const auto l : ports[port])
          if (const auto end = s.link_ends.find({l, id}); end != s.link_ends.end())
            out->link_ends[port].push_back(end->second);
      if (replacement->id().role == actor_role::remote_receiver)
        for (const auto& r : out->link_ends[0])
          replacement->id().remote->link_added(*replacement, id, r);
      replacement->outputs().add(std::move(out), !replacement->id().is_shared());
    }
  }
}

// A cell that stays gets the new links. One that retires keeps the old ones for what close() emits,
// but for links that its replacement continues: those lead to where they will lead.
void rewirer::reroute(change&, transition& s, actor_cell& sender) {
  const bool stays = s.stays(sender);
  for (const auto id : s.sessions) {
    const auto old = sender.outputs().links_of(id);
    if (old.empty()) continue;
    std::vector<std::vector<link_end>> link_ends(old.size());
    std::vector<std::pair<link_end, link_end>> moves;
    for (std::size_t port = 0; port < old.size(); ++port) {
      if (stays)
        for (const auto l : s.next.layout.out_links[sender.id().actor][port])
          if (const auto end = s.link_ends.find({l, id}); end != s.link_ends.end())
            link_ends[port].push_back(end->second);
      for (const auto& was : old[port]) {
        const auto end = s.link_ends.find({was.queue->setup().link, id});
        const bool goes_on = end != s.link_ends.end();
        if (goes_on && end->second.queue != was.queue) moves.emplace_back(was, end->second);
        if (stays) continue;
        link_ends[port].push_back(goes_on ? end->second : was);
        link_ends[port].back().handed_over = goes_on;
      }
    }
    const auto move = [&] {
      for (auto& [was, is] : moves) {
        const auto still = run_.accounts.freeze();
        auto state = cell_change(*was.to).export_state(*was.queue);
        s.handed_over[was.queue->setup().link] += state.items.size();
        cell_change(*is.to).import_state(*is.queue, std::move(state));
      }
    };
    if (sender.id().role == actor_role::remote_receiver && !moves.empty()) {
      // What comes off the wire goes through the remote links, not through the cell.
      sender.id().remote->rerouted(sender, id, moves.front().second, move);
      cell_change(sender).reroute(id, std::move(link_ends), [] {});
    } else {
      cell_change(sender).reroute(id, std::move(link_ends), move);
    }
  }
}

void rewirer::drain_old_queues(change&, transition& s) {
  for (const auto& one : s.old) {
    const bool stays = s.stays(*one);
    for (const auto& q : cell_change(*one).all_queues()) {
      if (q->draining || q->removed) continue;
      const auto l = q->setup().link;
      if (s.runs(l)) {
        if (!stays)
          cell_change(*one).drain_and_remove(*q, true);  // its replacement has what was in it
        continue;
      }
      // What a retiring sender still emits is waited for.
      const auto sender = cell_change(*one).sender_of(*q);
      cell_change(*one).drain_and_remove(*q, !sender || s.stays(*sender) || sender->is_over());
    }
  }
}

}  // namespace hocket::rewire
