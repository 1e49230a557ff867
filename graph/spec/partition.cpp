#include "graph/spec/partition.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket {
namespace {

std::string link_name(const plan& p, const plan_link& l) {
  const auto& from = p.actors[l.from];
  const auto& to = p.actors[l.to];
  return fmt::format("{}.{} > {}.{}", from.name, from.type->info.outputs[l.from_port].name, to.name,
                     to.type->info.inputs[l.to_port].name);
}

std::string leader_of(const plan& p) {
  for (const auto& a : p.actors)
    if (a.type->info.source) return a.host;
  return p.actors.empty() ? "" : p.actors.front().host;
}

plan_actor proxy_actor(component_type& type, const std::string& name) {
  plan_actor a;
  a.name = name;
  a.type = &type;
  a.policy = input_policy::immediate;
  a.watchdog_ms = 0;  // it never waits
  return a;
}

/// Stands in this process for the receiver: takes what the link's queue lets through.
std::shared_ptr<component_type> outlet_type(const plan& p, const plan_link& l) {
  auto type = std::make_shared<component_type>();
  type->info.type = "wire.outlet";
  type->info.summary = "Sends one link's packets to another host.";
  type->info.inputs = {p.actors[l.to].type->info.inputs[l.to_port]};
  type->info.scope = p.actors[l.to].type->info.scope;
  return type;
}

std::shared_ptr<component_type> inlet_type(const plan& p, const plan_link& l) {
  auto type = std::make_shared<component_type>();
  type->info.type = "wire.inlet";
  type->info.summary = "Receives one link's packets from another host.";
  type->info.outputs = {p.actors[l.from].type->info.outputs[l.from_port]};
  type->info.scope = p.actors[l.from].type->info.scope;
  return type;
}

void add_proxy(part& out, std::size_t link, bool outgoing) {
  const auto& whole = out.whole.links[link];
  auto type = outgoing ? outlet_type(out.whole, whole) : inlet_type(out.whole, whole);
  crossing c;
  c.link = link;
  c.name = link_name(out.whole, whole);
  c.peer = out.whole.actors[outgoing ? whole.to : whole.from].host;
  c.outgoing = outgoing;
  c.proxy = static_cast<actor_index>(out.graph.actors.size());
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
  out.graph.actors.push_back(proxy_actor(*type, fmt::format("{} @{}", c.name, c.peer)));
  out.standings.push_back(outgoing ? standing::outlet : standing::inlet);
  out.proxy_types.push_back(std::move(type));
  out.crossings.push_back(std::move(c));
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
                   [&](const auto& a) { return a.host == host; }))
    return fail("placement.idle_host", fmt::format("no actor runs on host `{}`", host));
  return {};
}

}  // namespace

std::size_t part::host_index(const std::string& name) const {
  const auto it = std::find_if(whole.hosts.begin(), whole.hosts.end(),
                               [&](const auto& h) { return h.name == name; });
  return static_cast<std::size_t>(it - whole.hosts.begin());
}

bool part::realised(std::size_t link) const {
  const auto& l = graph.links[link];
  return standings[l.from] != standing::elsewhere && standings[l.to] != standing::elsewhere;
}

result<part> partition(const plan& whole, const std::string& host) {
  HOCKET_TRY(check_name(whole, host));
  part out;
  out.host = host;
  out.whole = whole;
  out.graph = whole;
  out.leader = leader_of(whole);
  for (const auto& a : whole.actors)
    out.standings.push_back(a.host == host || host.empty() ? standing::here : standing::elsewhere);
  if (host.empty()) {
    out.leader = "";
    return out;
  }
  for (const auto& h : whole.hosts)
    if (h.name != host && std::any_of(whole.actors.begin(), whole.actors.end(),
                                      [&](const auto& a) { return a.host == h.name; }))
      out.peers.push_back(h.name);
  for (std::size_t l = 0; l < whole.links.size(); ++l) {
    const bool from = out.standings[whole.links[l].from] == standing::here;
    const bool to = out.standings[whole.links[l].to] == standing::here;
    if (from != to) add_proxy(out, l, from);
  }
  return out;
}

}  // namespace hocket
