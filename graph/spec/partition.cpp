#include "graph/spec/partition.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/plan_names.hpp"

namespace hocket {
namespace {

plan_actor proxy_actor(component_type& type, const std::string& name) {
  plan_actor a;
  a.name = name;
  a.type = &type;
  a.policy = input_policy::immediate;
  a.watchdog_ms = 0;  // it never waits
  return a;
}

/// Stands in this process for the receiver: takes what the link's queue lets through.
std::shared_ptr<component_type> sender_proxy_type(const plan& p, const plan_link& l) {
  auto type = std::make_shared<component_type>();
  type->info.type = "wire.remote_sender";
  type->info.summary = "Sends one link's packets to another host.";
  type->info.inputs = {p.actors[l.to].type->info.inputs[l.to_port]};
  type->info.scope = p.actors[l.to].type->info.scope;
  return type;
}

std::shared_ptr<component_type> receiver_proxy_type(const plan& p, const plan_link& l) {
  auto type = std::make_shared<component_type>();
  type->info.type = "wire.remote_receiver";
  type->info.summary = "Receives one link's packets from another host.";
  type->info.outputs = {p.actors[l.from].type->info.outputs[l.from_port]};
  type->info.scope = p.actors[l.from].type->info.scope;
  return type;
}

/// Stands where another host has a proxy, or had one.
plan_actor nobody() {
  static component_type type;
  plan_actor a;
  a.type = &type;
  a.removed = true;
  a.watchdog_ms = 0;
  return a;
}

bool crosses(const plan& p, const plan_link& l) {
  return !l.removed && p.actors[l.from].host != p.actors[l.to].host;
}

/// What makes a link another one: who is at its ends, by name, component and host.
std::string identity_of(const plan& p, const plan_link& l) {
  const auto end = [&](actor_index a) {
    return fmt::format(" {} on {}", p.actors[a].type->info.type, p.actors[a].host);
  };
  return link_name(p, l) + end(l.from) + end(l.to) + (l.back_edge ? " back" : "");
}

void add_proxy(host_plan& out, std::size_t link, bool outgoing) {
  const auto& whole = out.whole.links[link];
  auto type =
      outgoing ? sender_proxy_type(out.whole, whole) : receiver_proxy_type(out.whole, whole);
  host_link c;
  c.link = link;
  c.name = link_name(out.whole, whole);
  c.peer = out.whole.actors[outgoing ? whole.to : whole.from].host;
  c.outgoing = outgoing;
  c.proxy = out.graph.links[link].slot;
  auto& here = out.graph.links[link];
  if (outgoing) {
    here.to = c.proxy;
    here.to_port = 0;
    // The echo, if it is one, is waited for where it arrives: on the way it is a link like others.
    here.back_edge = false;
  } else {
    here.from = c.proxy;
    here.from_port = 0;
  }
  out.graph.actors[c.proxy] = proxy_actor(*type, fmt::format("{} @{}", c.name, c.peer));
  out.roles[c.proxy] = outgoing ? actor_role::remote_sender : actor_role::remote_receiver;
  out.proxy_types.push_back(std::move(type));
  out.host_links.push_back(std::move(c));
}

result<void> check_name(const plan& whole, const std::string& host) {
  std::vector<std::string> names;
  for (const auto& h : whole.hosts) names.push_back(h.name);
  const auto listed = fmt::format("{}", fmt::join(names, ", "));
  if (names.empty()) {
    if (host.empty()) return {};
    return fail(
        "placement.no_hosts",
        fmt::format("the graph has no `hosts:`; all of it runs in one process, not on `{}`", host));
  }
  if (host.empty())
    return fail("placement.no_host",
                fmt::format("the graph runs on several hosts: {}; say which one is this", listed));
  if (std::find(names.begin(), names.end(), host) == names.end()) {
    const auto near = nearest(host, names);
    return fail(
        "placement.unknown_host",
        fmt::format("no host is called `{}`{}; hosts: {}", host,
                    near.empty() ? "" : fmt::format(" (did you mean `{}`?)", near), listed));
  }
  if (std::none_of(whole.actors.begin(), whole.actors.end(),
                   [&](const auto& a) { return a.host == host && !a.removed; }))
    return fail("placement.idle_host", fmt::format("no actor runs on host `{}`", host));
  return {};
}

}  // namespace

std::size_t host_plan::host_index(const std::string& name) const {
  const auto it = std::find_if(whole.hosts.begin(), whole.hosts.end(),
                               [&](const auto& h) { return h.name == name; });
  return static_cast<std::size_t>(it - whole.hosts.begin());
}

bool host_plan::realised(std::size_t link) const {
  const auto& l = graph.links[link];
  return !l.removed && roles[l.from] != actor_role::absent && roles[l.to] != actor_role::absent;
}

bool may_rewire(const plan& whole, const std::string& host) {
  const auto named = [&](const plan_host& h) { return h.rewires && h.name == host; };
  return std::ranges::none_of(whole.hosts, &plan_host::rewires) ||
         std::ranges::any_of(whole.hosts, named);
}

result<host_plan> partition(const plan& whole, const std::string& host) {
  HOCKET_TRY(check_name(whole, host));
  host_plan out;
  out.host = host;
  out.whole = whole;
  out.graph = whole;
  out.leader = leader_of(whole);
  for (const auto& a : whole.actors)
    out.roles.push_back(!a.removed && (a.host == host || host.empty()) ? actor_role::local
                                                                       : actor_role::absent);
  if (host.empty()) {
    out.leader = "";
    return out;
  }
  for (const auto& h : whole.hosts)
    if (h.name != host && std::any_of(whole.actors.begin(), whole.actors.end(), [&](const auto& a) {
          return a.host == h.name && !a.removed;
        }))
      out.peers.push_back(h.name);
  // In the part alone: the whole plan stays what all hosts agree on.
  keep_slots(out.graph);
  out.roles.resize(out.graph.actors.size(), actor_role::absent);
  const auto ids = wire_ids(whole);
  for (std::size_t l = 0; l < whole.links.size(); ++l) {
    const bool from = out.roles[whole.links[l].from] == actor_role::local;
    const bool to = out.roles[whole.links[l].to] == actor_role::local;
    if (from == to || whole.links[l].removed) continue;
    add_proxy(out, l, from);
    out.host_links.back().wire_id = ids.at(l);
  }
  return out;
}

// From names alone, so that a process that was started with the newest file agrees with those that
// came to it by rewires. Where two fall together, the later name takes the next number.
std::map<std::size_t, std::uint32_t> wire_ids(const plan& p) {
  std::map<std::string, std::size_t> names;
  for (std::size_t l = 0; l < p.links.size(); ++l)
    if (crosses(p, p.links[l])) names[identity_of(p, p.links[l])] = l;
  std::map<std::size_t, std::uint32_t> out;
  std::set<std::uint32_t> taken{0};
  for (const auto& [name, link] : names) {
    std::uint32_t h = 2166136261u;  // FNV-1a
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
    while (!taken.insert(h).second) ++h;
    out[link] = h;
  }
  return out;
}

void keep_slots(plan& whole) {
  const auto n = whole.links.size();
  for (std::size_t l = 0; l < n; ++l) {
    if (!crosses(whole, whole.links[l]) || whole.links[l].slot != 0) continue;
    whole.links[l].slot = static_cast<actor_index>(whole.actors.size());
    whole.actors.push_back(nobody());
  }
}

}  // namespace hocket
