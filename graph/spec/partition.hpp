#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket {

/// What an actor of a host's plan is in this process.
enum class actor_role : std::uint8_t {
  local,          ///< runs in this process
  absent,         ///< runs on another host and has no link with this one
  remote_sender,  ///< stands for the receiver of one outgoing link: what it is handed goes on the wire
  remote_receiver,  ///< stands for the sender of one incoming link: what comes off the wire comes from it
};

/// A link of the whole plan that joins this host with another one.
struct host_link {
  std::size_t link = 0;  ///< in the plan
  std::string name;      ///< "ears.frames > model.audio"
  std::string peer;
  std::uint32_t wire_id = 0;  ///< on the wire: see wire_ids()
  bool outgoing = false;
  actor_index proxy = 0;  ///< the actor that stands for the other end, in `host_plan::graph`
};

/// What one process runs of a plan.
///
/// Indices of actors, links and budgets are those of the whole plan: a trace or a stream number
/// means the same on every host. Proxies stand behind the last actor, with a number for each link
/// between any two hosts, or, after a rewire, where their link's `slot` says: nobody's number changes
/// while a run goes on. Numbers of other hosts' proxies are `nobody()`'s.
struct host_plan {
  std::string host;  ///< "": the plan names no hosts, everything is here
  plan whole;
  plan graph;  ///< the whole plan; links to other hosts end, or begin, at a proxy
  std::vector<actor_role> roles;      ///< by actor of `graph`
  std::vector<host_link> host_links;  ///< in the order of their links
  std::vector<std::string> peers;     ///< the other hosts that run actors, in the order of the file
  /// Who opens sessions and says when the run begins and ends: the host of the first source, or,
  /// without sources, of the first actor.
  std::string leader;
  /// The types of the proxies; `make` is empty until somebody who knows a wire fills it.
  std::vector<std::shared_ptr<component_type>> proxy_types;

  bool leads() const { return leader == host; }
  bool alone() const { return peers.empty(); }
  /// Its place in `whole.hosts`; past the end: no such host.
  std::size_t host_index(const std::string& name) const;
  /// True where both ends of a link, proxies included, are in this process.
  bool realised(std::size_t link) const;
};

/// Cuts the part of `host` out of a validated plan; pure. A plan without hosts takes host "" and is
/// one part. A proxy has the scope of the actor that it stands for, so that sessions, ends and
/// waits are the same as in one process.
/// Errors: placement.no_host (the plan names hosts, `host` is empty), placement.no_hosts (the other
/// way round), placement.unknown_host, placement.idle_host (no actor runs on it).
result<host_plan> partition(const plan& whole, const std::string& host);

/// Whether `host` may ask the others for another graph, end their run, or say what was decided while
/// their leader is away: `rewires: true` under `hosts:` names those that may; none named: each.
bool may_rewire(const plan& whole, const std::string& host);

/// The numbers on the wire of the links between hosts, by link: never 0, on all hosts alike, the same
/// for as long as a link has the same two ends, and another where a component or a host changes.
std::map<std::size_t, std::uint32_t> wire_ids(const plan& whole);

/// Keeps a number free for each proxy of a plan that is about to grow: see `plan_link::slot`.
void keep_slots(plan& whole);

}  // namespace hocket
