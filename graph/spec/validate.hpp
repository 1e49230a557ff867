#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/spec.hpp"

namespace hocket::spec {

/// Looks every name of a spec up and checks what only the whole can tell. The plan is complete only
/// where `findings` has no error.
plan validate(const graph_spec& graph, const registry& types, diagnostics& findings);

/// Shared by the checks: the spec, the plan that grows, and names to indices.
struct validation {
  const graph_spec& graph;
  const registry& types;
  diagnostics& findings;
  plan out;
  std::map<std::string, std::size_t> actors;  ///< name -> index in graph.actors and out.actors
  std::set<std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>> fed = {};  ///< links
  bool links_complete = true;  ///< false: a link or component was wrong; whole-graph checks wait
  std::vector<std::shared_ptr<const payloads::payload_schema>> schemas = {};  ///< by name

  std::vector<std::string> actor_names() const;
};

void resolve_actors(validation& v);
/// What an actor's config chooses from the registry: planners, tool sources, tools. Settings of
/// parts are complete afterwards, with their defaults.
void resolve_parts(validation& v, const actor_spec& spec, config_base& config);
/// Schemas of the graph, and which ports carry them.
void resolve_payloads(validation& v);
void resolve_links(validation& v);
void check_hosts(validation& v);
void check_topology(validation& v);
void check_budgets(validation& v);
/// What actors that watch the run name.
void check_alerts(validation& v);
/// Checks replicas, and puts them into the plan: the last step.
void check_replicas(validation& v);

}  // namespace hocket::spec
