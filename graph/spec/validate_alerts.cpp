// What an actor that watches the run names of the graph.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/run_figures.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/validate.hpp"

namespace hocket::spec {
namespace {

/// A name of the graph, and on which host what it names is counted.
struct watched {
  std::string name;
  std::string host;
  std::string spread =
      {};  ///< the actor whose replicas run on several hosts, each counted on its own
};
using watched_list = std::vector<watched>;

/// The actor's name where its replicas run on several hosts; else "".
std::string spread_of(const validation& v, actor_index a) {
  return v.graph.actors[a].on_each.size() > 1 ? v.out.actors[a].name : "";
}

/// What one name of an actor's stands for: of replicas on one host all of them.
watched counted_at(const validation& v, actor_index a, std::string name) {
  return {std::move(name), v.out.actors[a].host, spread_of(v, a)};
}

watched_list actors_of(const validation& v) {
  watched_list out;
  for (std::size_t a = 0; a < v.out.actors.size(); ++a)
    out.push_back(counted_at(v, static_cast<actor_index>(a), v.out.actors[a].name));
  return out;
}

watched_list ports_of(const validation& v) {
  watched_list out;
  const auto add = [&](actor_index a, const std::string& port) {
    const auto name = v.out.actors[a].name + "." + port;
    if (std::ranges::find(out, name, &watched::name) == out.end())
      out.push_back(counted_at(v, a, name));
  };
  for (const auto& l : v.out.links) {
    const auto &from = v.out.actors[l.from], &to = v.out.actors[l.to];
    if (from.type != nullptr) add(l.from, from.type->info.outputs[l.from_port].name);
    if (to.type != nullptr) add(l.to, to.type->info.inputs[l.to_port].name);
  }
  return out;
}

watched_list budgets_of(const validation& v) {
  watched_list out;
  for (const auto& b : v.out.budgets) {
    std::vector<std::string> path;
    for (const auto i : b.path) path.push_back(v.out.actors[i].name);
    auto& to = out.emplace_back(counted_at(v, b.path.back(), {}));
    to.name = fmt::format("{}", fmt::join(path, " > "));
    for (const auto i : b.path)
      if (auto spread = spread_of(v, i); !spread.empty()) to.spread = std::move(spread);
  }
  return out;
}

watched_list other_hosts(const graph_spec& graph, const std::string& own) {
  watched_list out;
  for (const auto& h : graph.hosts)
    if (h.host.name != own) out.push_back({h.host.name, own});
  return out;
}

/// Looks up what the keys `actor`, `port`, `path` and `host` name; `*`, and nothing, are all.
class name_checker final : public config_visitor {
 public:
  name_checker(validation& v, const actor_spec& actor) : v_(v), actor_(actor) {}

  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::string& v) override {
    const auto name = v == "*" ? "" : v;
    if (info.name == "actor") check(info, name, "actor", actors_of(v_));
    if (info.name == "port") check(info, name, "linked port", ports_of(v_));
    if (info.name == "host") check(info, name, "other host", other_hosts(v_.graph, actor_.on));
  }
  void field(const field_info& info, std::vector<std::string>& v) override {
    if (info.name == "path")
      check(info, fmt::format("{}", fmt::join(v, " > ")), "budget", budgets_of(v_));
  }

 private:
  void check(const field_info& info, const std::string& name, std::string_view what,
             const watched_list& all) {
    const auto* item = actor_.body.find(info.name);
    const auto where = item != nullptr ? item->where() : actor_.where;
    if (name.empty() && info.required) return;  // told
    if (name.empty()) {
      if (all.empty())
        add(where, "alert.unknown",
            fmt::format("the graph has no {}: this would never be raised", what),
            "take the actor out");
      return;
    }
    const auto at = std::ranges::find(all, name, &watched::name);
    if (at == all.end()) return unknown(where, what, name, all);
    if (!at->spread.empty())
      return add(where, "alert.replicas",
                 fmt::format("{} is counted on several hosts, each replica of {} on its own", name,
                             at->spread),
                 info.name == "path" ? "leave `path` out: it is over all budgets then"
                 : info.name == "port"
                     ? "name the port at the other end of its link, or `*` for all ports"
                     : "`*` is over all actors, the replicas among them");
    if (at->host != actor_.on)
      add(where, "alert.other-host", fmt::format("{} is counted on host {}", name, at->host),
          fmt::format("let it run there: `on: {}`", at->host));
  }

  void unknown(const source_mark& where, std::string_view what, const std::string& name,
               const watched_list& all) {
    std::vector<std::string> names;
    for (const auto& w : all) names.push_back(w.name);
    const auto near = nearest(name, names);
    add(where, "alert.unknown", fmt::format("no {} is called `{}`", what, name),
        near.empty() ? "" : fmt::format("did you mean `{}`?", near),
        {fmt::format("known: {}",
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))});
  }

  void add(const source_mark& where, const char* code, const std::string& what, std::string hint,
           std::vector<std::string> notes = {}) {
    add_error(v_.findings, where, code, fmt::format("{}: {}", actor_.title(), what),
              std::move(hint), std::move(notes));
  }

  validation& v_;
  const actor_spec& actor_;
};

}  // namespace

void check_alerts(validation& v) {
  if (!v.links_complete || !v.graph.broken.empty()) return;  // one mistake is told once
  for (std::size_t i = 0; i < v.graph.actors.size(); ++i) {
    const auto& actor = v.out.actors[i];
    if (actor.type == nullptr || !watches_run(actor.type->info.type) || !actor.config) continue;
    if (v.graph.actors[i].process)
      add_error(v.findings, actor.where, "config.choice",
                fmt::format("{}: what the run counts is not seen in a process of its own",
                            v.graph.actors[i].title()),
                "take `process` away");
    name_checker names(v, v.graph.actors[i]);
    actor.config->visit(names);
  }
}

}  // namespace hocket::spec
