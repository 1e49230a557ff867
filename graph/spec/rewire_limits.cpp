// What cannot change while a graph runs, and what to do instead.
#include "graph/spec/rewire_limits.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/partition.hpp"
#include "graph/spec/plan_names.hpp"
#include "graph/spec/spec.hpp"

namespace hocket::spec {
namespace {

constexpr std::string_view start_anew = "stop the run and start it with the new file";

class checker {
 public:
  checker(const plan& running, const plan& wanted, diagnostics& findings)
      : running_(running), wanted_(wanted), findings_(findings) {}

  void run() {
    check_identity();
    check_hosts();
    check_replicas();
    if (running_.actors.size() + wanted_.actors.size() > 32 * max_actors)
      refuse({wanted_.file, 0, 0}, "rewire.worn-out",
             "this run was rewired so often that its actors' numbers are used up",
             std::string(start_anew));
  }

 private:
  void refuse(source_mark where, std::string code, std::string message, std::string hint) {
    findings_.add({severity::error,
                   std::move(where),
                   std::move(code),
                   std::move(message),
                   std::move(hint),
                   {}});
  }
  source_mark whole() const { return {wanted_.file, 0, 0}; }

  void check_identity() {
    if (wanted_.name != running_.name)
      refuse(whole(), "rewire.other-graph",
             fmt::format("the file's `name` is `{}`, and `{}` runs", wanted_.name, running_.name),
             "is this the file that you meant? A graph keeps its name while it runs");
    if (wanted_.grid.length != running_.grid.length) {
      const auto ms = [](duration d) { return d / std::chrono::milliseconds(1); };
      refuse(whole(), "rewire.clock",
             fmt::format("clock.micro_turn_ms is {}, and the run counts in {} ms",
                         ms(wanted_.grid.length), ms(running_.grid.length)),
             std::string(start_anew));
    }
  }

  std::set<std::string> hosts_in_use(const plan& p) const {
    std::set<std::string> out;
    for (const auto& a : p.actors)
      if (!a.removed) out.insert(a.host);
    return out;
  }

  void check_hosts() {
    std::map<std::string, plan_host> before;
    for (const auto& h : running_.hosts) before[h.name] = h;
    for (const auto& h : wanted_.hosts) {
      const auto it = before.find(h.name);
      if (it == before.end()) {
        refuse(whole(), "rewire.hosts", fmt::format("hosts.{} is new", h.name),
               std::string(start_anew) + " on all hosts");
        continue;
      }
      const auto& b = it->second;
      if (b.listen != h.listen || b.key != h.key || b.insecure != h.insecure ||
          b.shared_memory != h.shared_memory || b.rewires != h.rewires)
        refuse(whole(), "rewire.hosts",
               fmt::format("hosts.{}: its address or key is another than the run's", h.name),
               std::string(start_anew) + " on all hosts");
      before.erase(it);
    }
    for (const auto& [name, h] : before)
      refuse(whole(), "rewire.hosts", fmt::format("hosts.{} is gone", name),
             "leave it in the file; " + std::string(start_anew) + " to do without it");
    if (running_.hosts.empty() || findings_.has_errors()) return;
    check_team();
  }

  // A process runs for each host that has actors, and for no other.
  void check_team() {
    const auto before = hosts_in_use(running_), after = hosts_in_use(wanted_);
    for (const auto& a : wanted_.actors)
      if (!before.contains(a.host))
        refuse(a.where, "rewire.no-process",
               fmt::format("{} is on `{}`, where no process of this run is", a.name, a.host),
               fmt::format("take one of: {}", fmt::join(before, ", ")));
    for (const auto& name : before)
      if (!after.contains(name))
        refuse(whole(), "rewire.idle-host",
               fmt::format("nothing would be left to do on host `{}`", name),
               "leave an actor on it; " + std::string(start_anew) + " to do without it");
    if (leader_of(running_) != leader_of(wanted_))
      refuse(whole(), "rewire.leader",
             fmt::format("host `{}` leads the run, the one of the first source; in the new file "
                         "that is `{}`",
                         leader_of(running_), leader_of(wanted_)),
             fmt::format("put a source on `{}` first in the file", leader_of(running_)));
  }

  void check_replicas() {
    std::map<std::string, std::int32_t> before;
    for (const auto& a : running_.actors)
      if (!a.removed) before[a.family.empty() ? a.name : a.family] = a.replicas;
    std::set<std::string> told;
    for (const auto& a : wanted_.actors) {
      const auto& name = a.family.empty() ? a.name : a.family;
      const auto it = before.find(name);
      if (it == before.end() || it->second == a.replicas || !told.insert(name).second) continue;
      refuse(a.where, "rewire.replicas",
             fmt::format("{}: {} replicas, and {} run: conversations would change places", name,
                         a.replicas, it->second),
             std::string(start_anew));
    }
  }

  const plan& running_;
  const plan& wanted_;
  diagnostics& findings_;
};

}  // namespace

void check_crossings(const plan& running, const rewire_plan& r, diagnostics& findings) {
  const auto& p = r.next;
  for (std::size_t i = 0; i < p.actors.size(); ++i) {
    if (!r.takes_over[i]) continue;
    const auto& from = running.actors[*r.takes_over[i]].host;
    const auto& a = p.actors[i];
    if (from == a.host || a.family.empty()) continue;
    findings.add(
        {severity::error,
         a.where,
         "rewire.moved",
         fmt::format("{} runs on `{}`, and here it is on `{}`: a replica does not change its host "
                     "while a graph runs, since conversations are with it",
                     a.name, from, a.host),
         fmt::format("give `{}` another name; or {} on all hosts", a.family, start_anew),
         {}});
  }
  // By chance, once in a lifetime: one in four thousand million for each two links.
  const auto before = wire_ids(running);
  for (const auto& [link, id] : wire_ids(p))
    for (const auto& [other, taken] : before)
      if ((link == other) != (id == taken))
        findings.add({severity::error,
                      p.links[link].where,
                      "rewire.crossing",
                      fmt::format("{}: its number on the wire, which follows from its name, is "
                                  "that of another link of this run",
                                  link_name(p, p.links[link])),
                      "give one of its actors another name",
                      {}});
}

namespace {

// An actor that moves begins when all that goes on the host that it leaves has closed. What goes
// finishes what it has: if that leads, through an actor that stays, to the one that moves, whose
// queue is full meanwhile, each waits for the other. So does a link that goes between hosts, also
// where both its ends stay: what is still on it is delivered first. On whatever host that is: each may
// wait for the next. Back edges and queues that drop stop nobody.
class circle_finder {
 public:
  circle_finder(const plan& running, const rewire_plan& r) : running_(running), r_(r) {}

  bool moves(actor_index a) const {
    const auto was = r_.takes_over[a];
    return was && running_.actors[*was].host != r_.next.actors[a].host;
  }

  struct circle {
    std::size_t link = 0;     ///< in the running plan: from what goes to what stays
    bool link_alone = false;  ///< who feeds it there stays, too
  };
  /// Who would wait for `moved`, and it for that.
  std::optional<circle> around(actor_index moved) const {
    const auto waiting = senders_of(moved);
    for (std::size_t i = 0; i < running_.links.size(); ++i) {
      const auto& l = running_.links[i];
      const auto fate = r_.actors[l.from];
      const bool goes = fate == actor_fate::removed || fate == actor_fate::replaced;
      const bool crosses_away = r_.links[i] == link_fate::removed &&
                                running_.actors[l.from].host != running_.actors[l.to].host;
      if (l.removed || running_.actors[l.from].removed || !(goes || crosses_away)) continue;
      const auto& then = r_.next.links[i];  // its queue may change with it
      if ((stops(l) || (!then.removed && stops(then))) && waiting.contains(l.to))
        return circle{i, !goes};
    }
    return {};
  }

 private:
  static bool stops(const plan_link& l) {
    return !l.back_edge && l.queue.full == full_policy::block;
  }

  // Those of the new graph that can be stopped by a full queue of it, near or far.
  std::set<actor_index> senders_of(actor_index moved) const {
    std::set<actor_index> out;
    for (std::vector<actor_index> open = {moved}; !open.empty();) {
      const auto at = open.back();
      open.pop_back();
      for (const auto& l : r_.next.links)
        if (!l.removed && l.to == at && stops(l) && out.insert(l.from).second)
          open.push_back(l.from);
    }
    return out;
  }

  const plan& running_;
  const rewire_plan& r_;
};

}  // namespace

void check_moves(const plan& running, const rewire_plan& r, diagnostics& findings) {
  const circle_finder circles(running, r);
  for (const auto i : r.next.file_order) {
    if (!circles.moves(i)) continue;
    const auto c = circles.around(i);
    if (!c) continue;
    const auto& a = r.next.actors[i];
    const auto& link = running.links[c->link];
    const auto& stays = running.actors[link.to].name;
    const auto goes = c->link_alone ? "the link " + link_name(running, link)
                                    : std::string(running.actors[link.from].name);
    findings.add(
        {severity::error,
         a.where,
         "rewire.move-alone",
         fmt::format("{} cannot move to `{}` in the same change in which {} {}: what {} still has "
                     "goes through {} to {}, and they would wait for each other",
                     a.name, a.host, goes, c->link_alone ? "goes" : "moves, goes or is replaced",
                     goes, stays, a.name),
         fmt::format("make it two changes: move {} alone, and change {} when that is done", a.name,
                     goes),
         {}});
  }
}

void check_rewire(const plan& running, const plan& wanted, diagnostics& findings) {
  checker(running, wanted, findings).run();
}

}  // namespace hocket::spec
