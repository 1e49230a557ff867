#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/port.hpp"
#include "graph/contract/value.hpp"
#include "graph/spec/plan.hpp"
#include "graph/spec/process.hpp"

namespace hocket::payloads {
class payload_schema;
}
/// What the text of a graph says, before anything is looked up: names are still names.
namespace hocket::spec {

class path_origins;

/// The name by which the actors of an included file reach the inputs of their sub-graph.
inline constexpr std::string_view subgraph_actor = "graph";

/// Far above any deployment, far below what actor_index (16 bits) can name.
inline constexpr std::size_t max_actors = 1024;
inline constexpr std::size_t max_links = 16384;
inline constexpr std::int32_t max_replicas = 64;

struct queue_override {
  std::optional<std::int32_t> size;
  std::optional<full_policy> full;
  std::optional<std::int32_t> max_age_ms;
  source_mark where;
};

/// One source of an input: `actor.port`, or a map with `from`.
struct link_spec {
  std::string actor;  ///< everything before the last dot
  std::string port;
  queue_override queue;
  bool back_edge = false;
  source_mark where;
};

struct input_spec {
  std::string port;
  source_mark where;
  std::vector<link_spec> links;
};

/// A schema of `schemas:`.
struct schema_spec {
  std::string name;
  source_mark where;
  std::string json, protobuf, message;     ///< files, from the folder of the graph's file
  std::string json_text, descriptors_hex;  ///< their content, where the graph was expanded
  bool bytes = false;
  std::int64_t min_bytes = 0, max_bytes = 0;
  std::shared_ptr<const payloads::payload_schema> made;  ///< nullptr: told already
};

/// What an actor says of one of its ports under `payloads:`.
struct payload_spec {
  std::string port, schema;
  source_mark port_where, where;
};

struct include_spec {
  std::string file;
  source_mark where;
  value with;  ///< a map, or null
};

struct actor_spec {
  std::string name;
  source_mark where;
  std::string component;
  source_mark component_where;
  std::optional<include_spec> include;  ///< instead of a component
  std::string on;
  std::vector<std::string> on_each;  ///< of replicas, where they run on several hosts
  source_mark on_where;
  std::int32_t replicas = 1;
  source_mark replicas_where;
  std::optional<input_policy> policy;
  source_mark policy_where;
  restart_policy restart;
  std::int32_t watchdog_ms = 5000;
  std::optional<process_spec> process;  ///< of its own
  std::vector<input_spec> inputs;
  std::vector<payload_spec> payloads;
  bool inputs_broken = false;  ///< told already: do not complain about missing ones
  value body;                  ///< the whole map, with the component's own keys
  std::shared_ptr<const path_origins> origins;  ///< of the file that it stands in

  /// "ears (audio.dmel)": begins every message about the actor.
  std::string title() const { return component.empty() ? name : name + " (" + component + ")"; }
};

struct budget_spec {
  std::vector<std::pair<std::string, source_mark>> path;
  double limit_ms = 0;
  plan_budget::action on_miss = plan_budget::action::report;
  source_mark where;
};

struct host_spec {
  plan_host host;
  source_mark where;
  source_mark key_where;
};

/// An included graph under its prefix: which inner ports its outputs stand for.
struct subgraph_spec {
  std::string name;
  source_mark where;
  std::map<std::string, link_spec> outputs;
};

struct port_declaration {
  std::string name;
  bool required = true;
  source_mark where;
};

struct graph_spec {
  std::string name;
  std::string file;
  source_mark where;
  std::int64_t micro_turn_ms = 200;
  std::vector<host_spec> hosts;
  std::vector<actor_spec> actors;
  std::vector<budget_spec> budgets;
  std::vector<std::string> plugins;
  std::vector<schema_spec> schemas;
  std::vector<subgraph_spec> subgraphs;
  std::vector<port_declaration> inputs;  ///< of a file that is meant to be included
  std::map<std::string, link_spec> outputs;
  std::shared_ptr<const path_origins> origins;
  /// Of a graph that was expanded: where its paths led ("ACTOR.KEY"), and from which `folder`.
  std::map<std::string, std::string> places;
  std::vector<std::string>
      broken;  ///< failed includes: do not complain about what they would bring
};

/// Reads a tree whose references are already replaced. `included`: keys that belong to the top file
/// alone are refused. `expanded`: as load_options says.
graph_spec read_graph(const value& root, const std::string& file, bool included, bool expanded,
                      diagnostics& findings);

}  // namespace hocket::spec
