// A rewire's commit: cells and queues change over while the run goes on.
#include <algorithm>

#include <fmt/format.h>

#include "actors/host/border.hpp"
#include "actors/host/cell.hpp"
#include "actors/host/rewirer.hpp"
#include "actors/host/world.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::host {

/// Who and what takes part in one commit.
struct rewirer::splice {
  const wiring& before;
  const wiring& next;
  std::vector<session_id> sessions;             ///< `none` first
  std::vector<std::shared_ptr<cell>> old;       ///< upstream first
  std::map<seat, std::shared_ptr<cell>> seats;  ///< who is where afterwards
  std::vector<std::pair<std::shared_ptr<cell>, std::shared_ptr<cell>>> heirs;  ///< and before them
  std::map<std::pair<std::size_t, session_id>, route> ways;                    ///< by link
  std::map<std::size_t, std::uint64_t> handed_over;                            ///< by link

  bool stays(const cell& c) const {
    const auto it = seats.find({c.actor(), c.session()});
    return it != seats.end() && it->second.get() == &c;
  }
  bool runs(std::size_t link) const { return next.place.realised(link); }
  std::shared_ptr<cell> seated(actor_index a, session_id id) const {
    const bool shared = next.graph.actors[a].type->info.scope == instance_scope::shared;
    const auto it = seats.find({a, shared ? session_id::none : id});
    return it == seats.end() ? nullptr : it->second;
  }
};

void rewirer::commit(change& c) {
  if (world_.ending() || world_.stopping())
    return fail(c, "rewire.run-ended", "the run is about to end");
  splice s{world_.wired(), *c.wired, {session_id::none}, {}, {}, {}, {}, {}};
  {
    // A session that opens from here on finds the new plan.
    std::lock_guard lock(world_.topology_);
    take_seats(c, s);
    if (world_.edge) world_.edge->fit(s.next.place);
    world_.install(std::move(c.next));
    lay_queues(c, s);
    give_outlets(c, s);
  }
  at_ = c.at;
  c.out.at = c.at;
  c.out.revision = number_of(c);
  {
    std::lock_guard lock(world_.observers_mutex_);
    const graph_revision now{s.next.graph, s.next.place.whole, c.wanted, c.out.revision, c.at};
    world_.shown_ = &s.next.graph;
    if (!world_.muted_)
      for (auto* o : world_.options.observers) o->rewired(now);
  }
  for (const auto& one : s.old) {
    if (s.stays(*one)) one->adjust(s.next.graph.actors[one->actor()]);
    reroute(c, s, *one);
  }
  let_queues_go(c, s);
  for (const auto& [way, r] : s.ways)
    if (way.first < c.what.links.size() && c.what.links[way.first] == link_fate::requeued)
      r.to->requeue(*r.queue, s.next.graph.links[way.first].queue);

  {
    std::lock_guard lock(mutex_);
    standing_by_.clear();
    for (const auto& one : s.old)
      if (!s.stays(*one)) leaving_[one.get()] = {one, nullptr};
    for (const auto& [heir, before] : s.heirs)
      if (before && leaving_.contains(before.get())) leaving_[before.get()].second = heir;
  }
  for (const auto& [heir, before] : s.heirs)
    if (!before) begin(heir, nullptr);
  for (const auto& one : s.old) {
    if (s.stays(*one)) continue;
    const auto heir = s.seated(one->actor(), one->session());
    one->leave(heir != nullptr, c.at);
    // It may have ended by itself before it knew.
    if (one->is_over()) left(*one);
  }
  if (world_.edge) {
    world_.edge->retire(c.what, c.out.revision);
    world_.edge->begin_new();
  }
  set_limits(c, s);
  world_.schedule_boundary(s.next.graph.grid.index_of(c.at));
  c.out.state = rewire_state::committed;
  revision_.store(c.out.revision);
  if (world_.edge) world_.edge->tell_graph(c.out.hash_after, c.out.revision);
  for (const auto& [link, n] : s.handed_over) {
    if (n == 0) continue;
    const auto& l = s.next.graph.links[link];
    const auto& from = s.next.graph.actors[l.from];
    const auto& to = s.next.graph.actors[l.to];
    c.out.packets.push_back({from.name + "." + from.type->info.outputs[l.from_port].name + " > " +
                                 to.name + "." + to.type->info.inputs[l.to_port].name,
                             n, 0});
  }
  world_.event(
      "", "rewired",
      fmt::format("revision {} at {:.3f} s: {}", c.out.revision, c.at.seconds(), c.out.hash_after));
  world_.poke_driver();
}

// Who does not come to an end in time is closed by force; who is not needed after all, at once. The
// timers are passive: they do not keep a run in virtual time alive.
void rewirer::set_limits(change& c, splice& s) {
  const auto now_ns = world_.time.axis_now_ns();
  const auto limit_ns = static_cast<std::int64_t>(world_.options.drain_limit_s * 1e9);
  for (const auto& one : s.old) {
    if (s.stays(*one)) continue;
    const auto force = [weak = one->weak_from_this()] {
      if (const auto late = weak.lock(); late && !late->is_over()) late->request_release(true);
    };
    world_.timer.add(now_ns + limit_ns, 0, force, true);
  }
  for (const auto& [where, one] : c.trial) {
    const auto it = s.seats.find(where);
    if (it != s.seats.end() && it->second == one) continue;
    one->request_release(true);  // its conversation ended meanwhile
    world_.timer.add(
        now_ns + limit_ns, 0, [this, stray = one] { world_.exec->detach(*stray); }, true);
  }
}

// Topology lock held: who stays, who is new, who goes.
void rewirer::take_seats(change& c, splice& s) {
  for (const auto& [id, state] : world_.sessions_) s.sessions.push_back(id);
  for (const auto& one : world_.cells_)
    if (!one->is_leaving()) s.old.push_back(one);
  std::map<seat, std::shared_ptr<cell>> before;
  for (const auto& one : s.old) {
    before[{one->actor(), one->session()}] = one;
    const auto a = one->actor();
    if (!c.fresh[a] && s.next.place.standings[a] != standing::elsewhere)
      s.seats[{a, one->session()}] = one;
  }
  for (const auto a : s.next.shape.upstream_first) {
    if (!c.fresh[a]) continue;
    const bool shared = s.next.graph.actors[a].type->info.scope == instance_scope::shared;
    for (const auto id : s.sessions) {
      if (shared != (id == session_id::none)) continue;
      const auto old = c.what.takes_over[a];
      const auto it = old ? before.find({*old, id}) : before.end();
      const auto whose = it == before.end() ? nullptr : it->second;
      auto& heir = c.trial[{a, id}];
      if (!heir) {  // of a conversation that came meanwhile, or one that cannot open beside the old
        heir = std::make_shared<cell>(world_.shared_from_this(), s.next, a, id);
        world_.exec->attach(*heir);
        heir->stand_by(whose.get(), c.at);
      }
      if (heir->stand() != standing::here) world_.edge->attach(heir);
      heir->take_seat();
      s.seats[{a, id}] = heir;
      s.heirs.emplace_back(heir, whose);
      world_.cells_.push_back(heir);
      world_.unclosed_.fetch_add(1);
      if (heir->is_source()) world_.sources_open_.fetch_add(1);
    }
  }
  const auto& rank = s.next.shape.rank;
  std::stable_sort(world_.cells_.begin(), world_.cells_.end(), [&](const auto& a, const auto& b) {
    return std::pair(rank[a->actor()], a->session()) < std::pair(rank[b->actor()], b->session());
  });
}

// Topology lock held. A queue of a link that stays, in front of somebody who stays, stays.
void rewirer::lay_queues(change&, splice& s) {
  std::map<const cell*, std::shared_ptr<cell>> before;
  for (const auto& [heir, whose] : s.heirs) before[heir.get()] = whose;
  for (std::size_t l = 0; l < s.next.graph.links.size(); ++l) {
    if (!s.runs(l)) continue;
    const auto& link = s.next.graph.links[l];
    for (const auto id : s.sessions) {
      if (!carries(s.next.place.whole, s.next.place.whole.links[l], id)) continue;
      const auto from = s.seated(link.from, id);
      const auto to = s.seated(link.to, id);
      if (!from || !to || (id == session_id::none && !(from->is_shared() && to->is_shared())))
        continue;
      auto queue = to->queue_of(l, id);
      if (!queue) {
        // Until the old sender has gone, it is the one that is stopped by a full queue.
        const auto it = before.find(from.get());
        const auto sender = it != before.end() && it->second ? it->second : from;
        queue = to->add_queue(world_.setup_of(s.next, l, id, sender));
      }
      s.ways[{l, id}] = {to, std::move(queue)};
    }
  }
}

void rewirer::give_outlets(change&, splice& s) {
  for (const auto& [heir, whose] : s.heirs) {
    const auto& ports = s.next.shape.out_links[heir->actor()];
    for (const auto id : s.sessions) {
      if (!heir->is_shared() && heir->session() != id) continue;
      auto out = std::make_shared<outlet>();
      if (const auto it = world_.sessions_.find(id); it != world_.sessions_.end())
        out->session = it->second;
      out->routes.resize(ports.size());
      out->streams.resize(ports.size());
      for (std::size_t port = 0; port < ports.size(); ++port)
        for (const auto l : ports[port])
          if (const auto way = s.ways.find({l, id}); way != s.ways.end())
            out->routes[port].push_back(way->second);
      if (heir->stand() == standing::inlet)
        for (const auto& r : out->routes[0]) world_.edge->add_route(*heir, id, r);
      heir->add_outlet(std::move(out));
    }
  }
}

// Who stays gets the new routes. Who leaves keeps the old ones for its last words, but for links
// that its heir goes on with: those lead to where they will lead.
void rewirer::reroute(change&, splice& s, cell& sender) {
  const bool stays = s.stays(sender);
  for (const auto id : s.sessions) {
    const auto old = sender.routes_of(id);
    if (old.empty()) continue;
    std::vector<std::vector<route>> routes(old.size());
    std::vector<std::pair<route, route>> moves;
    for (std::size_t port = 0; port < old.size(); ++port) {
      if (stays)
        for (const auto l : s.next.shape.out_links[sender.actor()][port])
          if (const auto way = s.ways.find({l, id}); way != s.ways.end())
            routes[port].push_back(way->second);
      for (const auto& was : old[port]) {
        const auto way = s.ways.find({was.queue->setup().link, id});
        const bool goes_on = way != s.ways.end();
        if (goes_on && way->second.queue != was.queue) moves.emplace_back(was, way->second);
        if (stays) continue;
        routes[port].push_back(goes_on ? way->second : was);
        routes[port].back().passes_on = goes_on;
      }
    }
    const auto move = [&] {
      for (auto& [was, is] : moves) {
        std::lock_guard lock(world_.hand_over_);
        auto estate = was.to->surrender(*was.queue);
        s.handed_over[was.queue->setup().link] += estate.items.size();
        is.to->inherit(*is.queue, std::move(estate));
      }
    };
    if (sender.stand() == standing::inlet && !moves.empty()) {
      // What comes off the wire takes the border's way, not the cell's.
      world_.edge->reroute(sender, id, moves.front().second, move);
      sender.reroute(id, std::move(routes), [] {});
    } else {
      sender.reroute(id, std::move(routes), move);
    }
  }
}

void rewirer::let_queues_go(change&, splice& s) {
  for (const auto& one : s.old) {
    const bool stays = s.stays(*one);
    for (const auto& q : one->all_queues()) {
      if (q->leaving || q->gone) continue;
      const auto l = q->setup().link;
      if (s.runs(l)) {
        if (!stays) one->let_go(*q, true);  // its heir has what was in it
        continue;
      }
      // The last words of a sender that goes, too, are waited for.
      const auto sender = one->sender_of(*q);
      one->let_go(*q, !sender || s.stays(*sender) || sender->is_over());
    }
  }
}

// ---------------------------------------------------------------------------- afterwards

void rewirer::begin(const std::shared_ptr<cell>& heir, const std::shared_ptr<cell>& before) {
  heir->take_up(at_, before && before->actor() == heir->actor() ? before.get() : nullptr);
  if (heir->state() == phase::fresh) heir->request_open();
  if (heir->is_source() && (world_.is_virtual() || !heir->info().blocking))
    world_.follow_source(heir, heir->next_until());
  heir->unblock();
}

void rewirer::left(cell& c) {
  std::shared_ptr<cell> who, heir;
  {
    std::lock_guard lock(mutex_);
    const auto it = leaving_.find(&c);
    if (it == leaving_.end() || !it->second.first) return;
    who = std::move(it->second.first);
    heir = std::move(it->second.second);
    it->second = {};
  }
  if (heir) begin(heir, who);
  // Not here: this is its own thread.
  world_.after(std::chrono::milliseconds(0), [this, who] { bury(who); });
}

void rewirer::bury(const std::shared_ptr<cell>& c) {
  {
    std::lock_guard still(world_.hand_over_);
    std::lock_guard lock(world_.topology_);
    c->bury([&](std::size_t link, const account& books) { world_.retire_books(link, books); });
    auto& past = world_.past_[c->actor()];
    std::vector<link_account> unused(world_.graph().links.size());
    c->add_status(past.totals, past.times, past.busy_ns, unused);
    std::erase(world_.cells_, c);
  }
  world_.exec->detach(*c);
  if (c->stand() != standing::here) world_.edge->detach(*c);
  c->break_routes();
  std::lock_guard lock(mutex_);
  leaving_.erase(c.get());
  changed_.notify_all();
}

void rewirer::settle(change& c, const snapshot& before, std::int64_t began_ns) {
  if (c.out.state != rewire_state::committed) return;
  {
    std::unique_lock lock(mutex_);
    const auto limit = std::chrono::milliseconds(
        static_cast<std::int64_t>(world_.options.drain_limit_s * 2000) + 1000);
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!leaving_.empty() && !world_.finished() && std::chrono::steady_clock::now() < until)
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    for (const auto& [one, pair] : leaving_)
      if (pair.first) c.out.notes.push_back(pair.first->name() + " has not closed yet");
  }
  c.out.settled_ms = static_cast<double>(monotonic_ns() - began_ns) / 1e6;
  const auto lost = [](const snapshot& s, const std::string& name) {
    for (const auto& l : s.links)
      if (l.from + " > " + l.to == name) return l.dropped[static_cast<int>(drop_reason::rewired)];
    return std::uint64_t{0};
  };
  const auto now = world_.status();
  for (const auto& l : now.links) {
    const auto name = l.from + " > " + l.to;
    const auto n = lost(now, name) - lost(before, name);
    const auto it = std::find_if(c.out.packets.begin(), c.out.packets.end(),
                                 [&](const auto& p) { return p.link == name; });
    if (it != c.out.packets.end())
      it->dropped += n;
    else if (n > 0)
      c.out.packets.push_back({name, 0, n});
  }
}

}  // namespace hocket::host
