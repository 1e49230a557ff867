#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/sink.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/replicas.hpp"
#include "graph/spec/topology.hpp"
#include "graph/spec/validate.hpp"
#include "graph/trust/loopback.hpp"

namespace hocket::spec {
namespace {

std::string out_name(const plan& p, const plan_link& l) {
  return p.actors[l.from].name + "." + p.actors[l.from].type->info.outputs[l.from_port].name;
}

std::string in_name(const plan& p, const plan_link& l) {
  return p.actors[l.to].name + "." + p.actors[l.to].type->info.inputs[l.to_port].name;
}

/// tcp://address:port, address not empty, port 1..65535.
bool is_address(const std::string& s, std::string& address) {
  if (!s.starts_with("tcp://")) return false;
  const auto rest = s.substr(6);
  const auto colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  address = rest.substr(0, colon);
  const auto port = rest.substr(colon + 1);
  if (port.empty() || port.size() > 5 ||
      !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  const int n = std::stoi(port);
  return n >= 1 && n <= 65535;
}

/// As the system takes it: names in capitals are the same, `localhost` is 127.0.0.1 (RFC 6761), and an
/// IPv6 address has many spellings.
std::string canonical(std::string address) {
  for (auto& c : address) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (address == "localhost") return "127.0.0.1";
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.size() < 2 || address.front() != '[' ||
      inet_pton(AF_INET6, address.substr(1, address.size() - 2).c_str(), &bytes) != 1)
    return address;
  if (IN6_IS_ADDR_V4MAPPED(&bytes))
    return inet_ntop(AF_INET, &bytes.s6_addr[12], text.data(), text.size());
  return fmt::format("[{}]", inet_ntop(AF_INET6, &bytes, text.data(), text.size()));
}

bool is_loopback(const std::string& address) { return trust::is_loopback_host(canonical(address)); }

/// Stands for every address of a machine, or for one of its interfaces: what a process can bind and
/// nobody can dial. Names of interfaces by the way that systems give them.
bool is_undialable(const std::string& address) {
  if (address == "*" || address == "0.0.0.0" || address == "[::]" || address == "::" ||
      address == "lo")
    return true;
  static const std::regex interface(
      "(eth|wlan|docker|veth|br|tun|tap|wg|bond|ib|usb)[0-9]+|"
      "(en|wl|ww|ib)[opsx][0-9a-f]*[0-9][0-9a-z]*");
  return std::regex_match(address, interface);
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
bool is_name(const std::string& address) {
  static const std::regex name(
      "[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|"
      "\\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\\]");
  if (address.size() > 255 || !std::regex_match(address, name) ||
      address.find("..") != address.npos)
    return false;
  // Whose last part is a number is an address, and has four parts of at most 255 (RFC 1123, 2.1).
  const auto dot = address.rfind('.');
  const auto last = address.substr(dot == address.npos ? 0 : dot + 1);
  static const std::regex number("[0-9]+|0[xX][0-9A-Fa-f]*");  // systems read the second, too
  if (!std::regex_match(last, number)) return true;
  static const std::regex ipv4("((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\\.(?!$)|$)){4}");
  return std::regex_match(address, ipv4);
}

bool is_path(const std::string& s) { return s.starts_with("ipc://") && s.size() > 6; }

void check_host(validation& v, const host_spec& h) {
  std::string address;
  const auto& host = h.host;
  // A socket's path, and that of its data lane behind it, has a place of 108 bytes in the system.
  constexpr std::size_t most = 107 - std::string_view(".data").size();
  if (is_path(host.listen) && host.listen.size() - 6 > most)
    return add_error(v.findings, h.where, "host.bad-address",
                     fmt::format("host {}: the path of `{}` is longer than {} bytes, which no "
                                 "socket takes",
                                 host.name, host.listen, most),
                     "take a shorter one, such as `ipc:///run/hocket/edge`");
  if (host.listen.empty() || is_path(host.listen)) return;  // told by the reader; never off here
  if (!is_address(host.listen, address))
    return add_error(v.findings, h.where, "host.bad-address",
                     fmt::format("host {}: `{}` is no address", host.name, host.listen),
                     "write `tcp://address:port`, such as `tcp://127.0.0.1:7400`, or `ipc://path` "
                     "between processes of one machine");
  if (address != "*" && !is_name(address))
    return add_error(
        v.findings, h.where, "host.bad-address",
        fmt::format("host {}: `{}` is no name of a host and no address", host.name, address),
        "write a host name, an IPv4 address, or an IPv6 address in brackets");
  if (is_undialable(address))
    return add_error(
        v.findings, h.where, "host.bad-address",
        fmt::format("host {}: others dial what `listen` says, and nobody can dial `{}`: "
                    "it stands for addresses of the machine that binds it",
                    host.name, host.listen),
        fmt::format("write the name or address by which others reach the host; what it "
                    "binds, where that is another one, says `hocket run --host {} "
                    "--listen {}`",
                    host.name, host.listen));
  if (host.key.empty() && !is_loopback(address) && !host.insecure)
    add_error(v.findings, h.where, "host.insecure",
              fmt::format("host {}: `{}` would carry plaintext beyond this machine", host.name,
                          host.listen),
              "add `key:` (`hocket keys` makes one), or say `insecure: true`");
  else if (host.key.empty() && !is_loopback(address))
    add_warning(
        v.findings, h.where, "host.plaintext",
        fmt::format("host {}: `insecure: true`: whoever is on the way to `{}` can read what is "
                    "said, and speak in this host's name",
                    host.name, host.listen),
        "add `key:`; `hocket keys` makes one");
}

/// Each host takes its port and the next one: control and data.
void check_ports(validation& v) {
  struct taken {
    std::string host, address;
    int port;
    std::string listen;
  };
  std::vector<taken> before;
  for (const auto& h : v.graph.hosts) {
    std::string address;
    if (!is_address(h.host.listen, address)) continue;
    address = canonical(address);
    const int port = std::stoi(h.host.listen.substr(h.host.listen.rfind(':') + 1));
    if (port == 65535)
      add_error(v.findings, h.where, "host.bad-address",
                fmt::format("host {}: `{}` leaves no next port for its data lane", h.host.name,
                            h.host.listen),
                "take a port below 65535");
    for (const auto& other : before)
      if (other.address == address && std::abs(other.port - port) < 2)
        add_error(v.findings, h.where, "host.address-taken",
                  fmt::format("host {}: `{}` is too near to `{}` of host {}", h.host.name,
                              h.host.listen, other.listen, other.host),
                  "a host takes its port for control and the next one for data: leave one between");
    before.push_back({h.host.name, address, port, h.host.listen});
  }
}

/// Two hosts that talk do it both with keys or both without.
void check_keys(validation& v) {
  const host_spec* with = nullptr;
  for (const auto& h : v.graph.hosts)
    if (!h.host.key.empty()) with = with == nullptr ? &h : with;
  if (with == nullptr) return;
  for (const auto& h : v.graph.hosts)
    if (h.host.key.empty())
      add_error(v.findings, h.where, "host.mixed-keys",
                fmt::format("host {}: it has no `key`, but host {} has one; they could not talk",
                            h.host.name, with->host.name),
                "give every host a `key:` (`hocket keys` makes them), or none");
}

void tell_cycle(validation& v, const std::vector<std::size_t>& cycle) {
  std::vector<std::string> walk;
  // The link that leads back to the actor that stands first in the file is the likely back edge.
  auto first = std::min_element(cycle.begin(), cycle.end(), [&](std::size_t a, std::size_t b) {
    return v.out.links[a].to < v.out.links[b].to;
  });
  for (const auto l : cycle)
    walk.push_back(
        fmt::format("{} -> {}", out_name(v.out, v.out.links[l]), in_name(v.out, v.out.links[l])));
  const auto& back = v.out.links[*first];
  add_error(v.findings, back.where, "link.cycle",
            fmt::format("{} -> {} closes a cycle that is not declared", out_name(v.out, back),
                        in_name(v.out, back)),
            fmt::format("if it is meant, write `{}: {{from: {}, back_edge: true}}`",
                        v.out.actors[back.to].type->info.inputs[back.to_port].name,
                        out_name(v.out, back)),
            {fmt::format("the cycle: {}", fmt::join(walk, "; "))});
}

void check_cycles(validation& v, const std::vector<edge>& all) {
  std::vector<edge> forward;
  std::vector<std::size_t> link_of;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (v.out.links[i].back_edge) continue;
    forward.push_back(all[i]);
    link_of.push_back(i);
  }
  const auto nodes = v.out.actors.size();
  const auto cycles = find_cycles(nodes, forward);
  for (const auto& cycle : cycles) {
    std::vector<std::size_t> links;
    for (const auto e : cycle) links.push_back(link_of[e]);
    tell_cycle(v, links);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!v.out.links[i].back_edge || reachable(nodes, all, {all[i].to})[all[i].from]) continue;
    add_warning(v.findings, v.out.links[i].where, "link.useless-back-edge",
                fmt::format("{} -> {} is marked as back edge, but closes no cycle",
                            out_name(v.out, v.out.links[i]), in_name(v.out, v.out.links[i])),
                "leave `back_edge` out");
  }
  if (cycles.empty())
    for (const auto n : downstream_first(nodes, forward))
      v.out.start_order.push_back(static_cast<actor_index>(n));
}

}  // namespace

void check_hosts(validation& v) {
  std::vector<std::string> names;
  for (const auto& h : v.graph.hosts) {
    names.push_back(h.host.name);
    check_host(v, h);
    v.out.hosts.push_back(h.host);
  }
  check_ports(v);
  check_keys(v);
  std::set<std::string> used;
  for (const auto& a : v.graph.actors) {
    if (a.on.empty()) {
      if (!names.empty())
        add_error(v.findings, a.where, "host.missing-on",
                  fmt::format("{}: the graph has hosts, but `on` is missing", a.title()),
                  fmt::format("write `on: {}`", names[0]),
                  {fmt::format("hosts: {}", fmt::join(names, ", "))});
      continue;
    }
    for (const auto& on : a.on_each.empty() ? std::vector{a.on} : a.on_each) {
      used.insert(on);
      if (std::find(names.begin(), names.end(), on) != names.end()) continue;
      const auto near = nearest(on, names);
      add_error(v.findings, a.on_where, "host.unknown",
                fmt::format("{}: no host is called `{}`", a.title(), on),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                {names.empty() ? "the graph has no `hosts:`: everything runs in one process"
                               : fmt::format("hosts: {}", fmt::join(names, ", "))});
    }
  }
  for (const auto& h : v.graph.hosts)
    if (!used.contains(h.host.name))
      add_warning(v.findings, h.where, "host.unused",
                  fmt::format("host {}: no actor runs on it", h.host.name));
}

void check_replicas(validation& v) {
  std::vector<std::vector<std::string>> hosts;
  std::size_t actors = 0;
  bool fine = v.links_complete;
  for (std::size_t i = 0; i < v.graph.actors.size(); ++i) {
    const auto& spec = v.graph.actors[i];
    hosts.push_back(spec.on_each);
    actors += static_cast<std::size_t>(spec.replicas);
    if (spec.replicas > 1 && v.out.actors[i].type != nullptr &&
        v.out.actors[i].type->info.scope != instance_scope::shared) {
      fine = false;
      add_error(v.findings, spec.replicas_where, "replicas.scope",
                fmt::format("{}: only an actor that all conversations share can have replicas; of "
                            "this one there is an instance per conversation anyway",
                            spec.title()),
                "leave `replicas` out, and name one host");
    }
    if (static_cast<std::int64_t>(spec.on_each.size()) > spec.replicas) {
      fine = false;
      add_error(v.findings, spec.on_where, "replicas.hosts",
                fmt::format("{}: `replicas: {}` is fewer than the {} hosts of `on`", spec.title(),
                            spec.replicas, spec.on_each.size()),
                "raise `replicas`, or leave it out for one on each host");
    }
  }
  if (actors > max_actors)
    add_error(v.findings, v.graph.where, "graph.too-large",
              fmt::format("{} actors, replicas counted, are more than the {} a graph may have",
                          actors, max_actors));
  else if (fine)
    expand_replicas(v.out, hosts);
}

/// Work that an actor hands on and nobody gets: the model waits for answers that never come. One that hands
/// some of it on may have outputs for who wants more.
static void tell_unheard_requests(validation& v, std::size_t actor) {
  const auto& outputs = v.out.actors[actor].type->info.outputs;
  const auto delegates = [&](std::size_t port) {
    return outputs[port].type.kind == payload_kind::delegation && !is_told_only(outputs[port]);
  };
  if (std::ranges::any_of(v.out.links,
                          [&](const auto& l) { return l.from == actor && delegates(l.from_port); }))
    return;
  for (std::size_t port = 0; port < outputs.size(); ++port) {
    if (!delegates(port)) continue;
    const auto& name = v.out.actors[actor].name;
    add_warning(v.findings, v.out.actors[actor].where, "link.unheard-requests",
                fmt::format("{}: `{}.{}` is linked nowhere: what it delegates is never answered",
                            v.graph.actors[actor].title(), name, outputs[port].name),
                fmt::format("an agent works on it: {{component: background.agent, inputs: "
                            "{{requests: {{from: {}.{}, back_edge: true}}}}, tools: […]}}",
                            name, outputs[port].name));
  }
}

void check_topology(validation& v) {
  std::vector<edge> all;
  for (const auto& l : v.out.links) all.push_back({l.from, l.to});
  check_cycles(v, all);
  if (!v.links_complete) return;  // one mistake is told once
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < v.out.actors.size(); ++i) {
    const auto& info = v.out.actors[i].type->info;
    if (info.source || (info.ticks && info.inputs.empty())) sources.push_back(i);
  }
  const auto fed = reachable(v.out.actors.size(), all, sources);
  for (std::size_t i = 0; i < fed.size(); ++i)
    if (!fed[i])
      add_error(v.findings, v.out.actors[i].where, "actor.unreachable",
                fmt::format("{}: nothing can reach it: no path from a source leads here",
                            v.graph.actors[i].title()),
                "connect an input, or take the actor out");
  for (std::size_t i = 0; i < v.out.actors.size(); ++i) tell_unheard_requests(v, i);
}

void check_budgets(validation& v) {
  for (const auto& b : v.graph.budgets) {
    plan_budget out;
    out.limit_ms = b.limit_ms;
    out.on_miss = b.on_miss;
    out.where = b.where;
    bool known = true;
    for (const auto& [name, where] : b.path) {
      const auto it = v.actors.find(name);
      if (it == v.actors.end()) {
        known = false;
        if (!v.graph.broken.empty()) continue;  // it may be in what could not be included
        const auto near = nearest(name, v.actor_names());
        add_error(v.findings, where, "budget.unknown-actor",
                  fmt::format("budget: no actor is called `{}`", name),
                  near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                  {fmt::format("actors: {}", fmt::join(v.actor_names(), ", "))});
        continue;
      }
      out.path.push_back(static_cast<actor_index>(it->second));
      if (v.out.actors[it->second].type == nullptr) known = false;
    }
    if (!known) continue;
    if (out.path.size() < 2) {
      add_error(v.findings, b.where, "budget.path", "budget: a path has at least two actors");
      continue;
    }
    double declared_ms = 0;
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < out.path.size(); ++i) {
      const auto& a = v.out.actors[out.path[i]];
      declared_ms += a.type->info.latency_ms;
      parts.push_back(fmt::format("{} {} ms", a.name, a.type->info.latency_ms));
      if (i == 0) continue;
      const auto before = out.path[i - 1];
      const bool linked = std::any_of(v.out.links.begin(), v.out.links.end(), [&](const auto& l) {
        return l.from == before && l.to == out.path[i];
      });
      if (!linked && v.links_complete)
        add_error(
            v.findings, b.path[i].second, "budget.path",
            fmt::format("budget: no link leads from {} to {}", v.out.actors[before].name, a.name));
    }
    if (b.limit_ms > 0 && b.limit_ms < declared_ms)
      add_error(v.findings, b.where, "budget.too-short",
                fmt::format("budget: limit_ms {} is shorter than the {} ms its actors declare",
                            b.limit_ms, declared_ms),
                "", {fmt::format("declared: {}", fmt::join(parts, ", "))});
    v.out.budgets.push_back(std::move(out));
  }
}

}  // namespace hocket::spec
