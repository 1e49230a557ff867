#include "graph/spec/rewire.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/config.hpp"
#include "graph/spec/partition.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/payloads.hpp"
#include "graph/spec/plan_names.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/rewire_limits.hpp"

namespace hocket {
namespace {

std::string queue_text(const queue_spec& q) {
  auto text = std::string(to_string(q.full));
  if (q.full != full_policy::latest) text += fmt::format(" {}", q.size);
  if (q.max_age_ms > 0) text += fmt::format(", {} ms", q.max_age_ms);
  return text;
}

bool same_queue(const queue_spec& a, const queue_spec& b) {
  return a.full == b.full && a.size == b.size && a.max_age_ms == b.max_age_ms;
}

bool same_supervision(const plan_actor& a, const plan_actor& b) {
  const auto& r = a.restart;
  const auto& s = b.restart;
  return r.when == s.when && r.max == s.max && r.within_s == s.within_s &&
         r.backoff_ms == s.backoff_ms && r.backoff_max_ms == s.backoff_max_ms &&
         r.stop_graph == s.stop_graph && a.watchdog_ms == b.watchdog_ms;
}

std::vector<std::string> config_lines(const plan_actor& a) {
  std::vector<std::string> out;
  if (!a.config) return out;
  std::istringstream all(canonical_text(spec::said(*a.config)));
  for (std::string line; std::getline(all, line);) out.push_back(line);
  return out;
}

// The keys stand in the same order on both sides: the component's own.
void compare_config(const plan_actor& was, const plan_actor& is, std::vector<std::string>& why) {
  const auto before = config_lines(was), after = config_lines(is);
  for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
    const auto a = i < before.size() ? before[i] : "";
    const auto b = i < after.size() ? after[i] : "";
    if (a == b) continue;
    const auto colon = b.find(": ");
    const bool same_key =
        colon != std::string::npos && a.compare(0, colon + 2, b, 0, colon + 2) == 0;
    why.push_back(same_key ? fmt::format("{} -> {}", a, b.substr(colon + 2))
                           : fmt::format("{} -> {}", a, b));
  }
}

// Within a process a name stands for one type for good; a plugin that came later has others' copied.
bool same_type(const component_type* a, const component_type* b) {
  return a == b || (a != nullptr && b != nullptr && a->info.type == b->info.type);
}

/// Grows `next` out of the running plan, name by name.
class comparison {
 public:
  comparison(const plan& running, const plan& wanted) : running_(running), wanted_(wanted) {
    out_.next = running;
    auto& n = out_.next;
    n.file = wanted.file;
    n.hash = wanted.hash;
    n.plugins = wanted.plugins;
    keep_slots(n);
    for (auto& a : n.actors) a.removed = true;
    for (auto& l : n.links) l.removed = true;
  }

  rewire_plan run() {
    for (const auto& a : wanted_.actors) numbers_.push_back(place(a));
    for (const auto& l : wanted_.links) join(l);
    find_predecessors();
    compare_links();
    compare_actors();
    compare_budgets();
    auto& n = out_.next;
    n.file_order = numbers_;
    n.start_order.clear();
    for (const auto a : wanted_.start_order) n.start_order.push_back(numbers_[a]);
    return std::move(out_);
  }

 private:
  // Who has the same name, component and host keeps its number, also after having been away.
  actor_index place(const plan_actor& wanted) {
    auto& actors = out_.next.actors;
    for (std::size_t i = 0; i < actors.size(); ++i) {
      auto& a = actors[i];
      if (!a.removed || a.name != wanted.name || !same_type(a.type, wanted.type) ||
          a.host != wanted.host)
        continue;
      a = wanted;
      return static_cast<actor_index>(i);
    }
    actors.push_back(wanted);
    return static_cast<actor_index>(actors.size() - 1);
  }

  void join(const plan_link& wanted) {
    auto link = wanted;
    link.from = numbers_[wanted.from];
    link.to = numbers_[wanted.to];
    auto& links = out_.next.links;
    const auto it = std::find_if(links.begin(), links.end(), [&](const plan_link& l) {
      return l.removed && l.from == link.from && l.from_port == link.from_port && l.to == link.to &&
             l.to_port == link.to_port && l.back_edge == link.back_edge;
    });
    if (it == links.end())
      links.push_back(link);
    else {
      link.slot = it->slot;
      *it = link;
    }
  }

  bool ran(std::size_t actor) const {
    return actor < running_.actors.size() && !running_.actors[actor].removed;
  }
  bool ran_link(std::size_t link) const {
    return link < running_.links.size() && !running_.links[link].removed;
  }

  void find_predecessors() {
    const auto& actors = out_.next.actors;
    out_.takes_over.resize(actors.size());
    for (std::size_t i = 0; i < actors.size(); ++i) {
      if (actors[i].removed) continue;
      for (std::size_t old = 0; old < running_.actors.size(); ++old)
        if (ran(old) && running_.actors[old].name == actors[i].name)
          out_.takes_over[i] = static_cast<actor_index>(old);
    }
  }

  void compare_links() {
    const auto& links = out_.next.links;
    out_.links.resize(links.size());
    for (std::size_t i = 0; i < links.size(); ++i) {
      const auto& l = links[i];
      const bool was = ran_link(i);
      if (!was && l.removed) continue;
      link_change c;
      c.name = link_name(out_.next, l);
      if (l.back_edge) c.name += " (back edge)";
      c.why = queue_text(l.queue);
      if (!was) {
        c.fate = link_fate::added;
      } else if (l.removed) {
        c.fate = link_fate::removed;
      } else if (!same_queue(running_.links[i].queue, l.queue)) {
        c.fate = link_fate::requeued;
        c.why = queue_text(running_.links[i].queue) + " -> " + c.why;
      } else {
        ++out_.links_kept;
        continue;
      }
      out_.links[i] = c.fate;
      touched_.insert({l.from, l.to});
      out_.link_changes.push_back(std::move(c));
    }
  }

  bool is_touched(actor_index a) const {
    return std::any_of(touched_.begin(), touched_.end(),
                       [&](const auto& t) { return t.first == a || t.second == a; });
  }

  void compare_actors() {
    out_.actors.resize(out_.next.actors.size());
    for (const auto a : numbers_) compare_actor(a);
    for (std::size_t i = 0; i < running_.actors.size(); ++i) {
      if (!ran(i) || !out_.next.actors[i].removed) continue;
      out_.actors[i] = actor_fate::removed;
      const auto& gone = running_.actors[i];
      const bool has_replacement =
          std::any_of(wanted_.actors.begin(), wanted_.actors.end(),
                      [&](const plan_actor& a) { return a.name == gone.name; });
      if (has_replacement) continue;  // the line of its replacement tells
      out_.actor_changes.push_back(
          {gone.name, gone.type->info.type, gone.host, actor_fate::removed, {}});
    }
  }

  void compare_actor(actor_index i) {
    const auto& is = out_.next.actors[i];
    actor_change c{is.name, is.type->info.type, is.host, actor_fate::untouched, {}};
    if (!out_.takes_over[i]) {
      c.fate = actor_fate::added;
    } else {
      const auto& was = running_.actors[*out_.takes_over[i]];
      if (!same_type(was.type, is.type))
        c.why.push_back(
            fmt::format("component: {} -> {}", was.type->info.type, is.type->info.type));
      else
        compare_config(was, is, c.why);
      if (was.policy != is.policy)
        c.why.push_back(
            fmt::format("policy: {} -> {}", to_string(was.policy), to_string(is.policy)));
      if (const auto other = spec::payloads_change(was, is); !other.empty()) c.why.push_back(other);
      const auto before = spec::process_text(spec::process_of(was));
      const auto after = spec::process_text(spec::process_of(is));
      if (before != after) c.why.push_back(fmt::format("process: {} -> {}", before, after));
      if (was.host != is.host)
        c.why.push_back(
            fmt::format("on: {} -> {}: it begins there without what it knows", was.host, is.host));
      if (!c.why.empty()) {
        c.fate = actor_fate::replaced;
      } else if (!same_supervision(was, is)) {
        c.fate = actor_fate::adjusted;
        c.why.push_back("restart, watchdog_ms");
      } else if (is_touched(i)) {
        c.fate = actor_fate::rewired;
      }
    }
    out_.actors[i] = c.fate;
    if (c.fate != actor_fate::replaced) out_.takes_over[i].reset();
    if (c.fate == actor_fate::untouched || c.fate == actor_fate::rewired) ++out_.actors_kept;
    if (c.fate != actor_fate::untouched) out_.actor_changes.push_back(std::move(c));
  }

  std::string budget_text(const plan& p, const plan_budget& b) const {
    std::vector<std::string> names;
    for (const auto a : b.path) names.push_back(p.actors[a].name);
    return fmt::format("{}: {} ms, {}", fmt::join(names, " > "), b.limit_ms,
                       b.on_miss == plan_budget::action::stop ? "stop" : "report");
  }

  void compare_budgets() {
    auto& budgets = out_.next.budgets;
    budgets = wanted_.budgets;
    for (auto& b : budgets)
      for (auto& a : b.path) a = numbers_[a];
    std::set<std::string> before, after;
    for (const auto& b : running_.budgets) before.insert(budget_text(running_, b));
    for (const auto& b : budgets) after.insert(budget_text(out_.next, b));
    for (const auto& b : before)
      if (!after.contains(b)) out_.other_changes.push_back("budget removed: " + b);
    for (const auto& b : after)
      if (!before.contains(b)) out_.other_changes.push_back("budget added: " + b);
  }

  const plan& running_;
  const plan& wanted_;
  rewire_plan out_;
  std::vector<actor_index> numbers_;  ///< of the wanted plan's actors, in `next`
  std::set<std::pair<actor_index, actor_index>> touched_;
};

}  // namespace

std::string_view to_string(actor_fate fate) {
  switch (fate) {
    case actor_fate::untouched: return "untouched";
    case actor_fate::rewired: return "rewired";
    case actor_fate::adjusted: return "adjusted";
    case actor_fate::replaced: return "replaced";
    case actor_fate::added: return "added";
    case actor_fate::removed: break;
  }
  return "removed";
}

std::string_view to_string(link_fate fate) {
  switch (fate) {
    case link_fate::untouched: return "untouched";
    case link_fate::requeued: return "requeued";
    case link_fate::added: return "added";
    case link_fate::removed: break;
  }
  return "removed";
}

std::optional<rewire_plan> plan_rewire(const plan& running, const plan& wanted,
                                       diagnostics& findings) {
  spec::check_rewire(running, wanted, findings);
  findings.sort();
  if (findings.has_errors()) return {};
  auto out = comparison(running, wanted).run();
  spec::check_crossings(running, out, findings);
  spec::check_moves(running, out, findings);
  if (findings.has_errors()) return {};
  return out;
}

std::string to_text(const rewire_plan& r) {
  if (r.changes_nothing()) return "nothing changes\n";
  std::string out;
  for (const auto& c : r.actor_changes) {
    out += fmt::format("  {:<9} {} ({}{}{})\n", to_string(c.fate), c.name, c.component,
                       c.host.empty() ? "" : " on ", c.host);
    for (const auto& why : c.why) out += fmt::format("            {}\n", why);
  }
  for (const auto& c : r.link_changes)
    out += fmt::format("  {:<9} {}: {}\n", to_string(c.fate), c.name, c.why);
  for (const auto& c : r.other_changes) out += fmt::format("  {}\n", c);
  return out + fmt::format("  untouched: {} actors keep their state, {} links their queues\n",
                           r.actors_kept, r.links_kept);
}

}  // namespace hocket
