#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "graph/contract/planner.hpp"
#include "graph/contract/tool.hpp"
#include "graph/contract/tool_source.hpp"

namespace hocket {

/// The keys of an actor that are the graph file's own; no component's config may use them.
const std::vector<std::string>& reserved_actor_keys();

/// The components, tools, planners and tool sources that a process knows. Filled by explicit calls;
/// no static initialisers, which static libraries drop silently.
class registry {
 public:
  /// Errors: registry.duplicate, registry.bad_name (`group.name` in lower case; of others a word),
  /// registry.bad_port, registry.bad_field (a config key that is no lower-case word, stands twice or is
  /// the graph's), registry.bad_config (none, or it throws), registry.bad_limit (a tool's, or times).
  result<void> add(component_type type);
  result<void> add(tool_type type);
  result<void> add(planner_type type);
  result<void> add(tool_source_type type);
  /// For a tool that may come later, or from a source.
  result<void> add(tool_words words);

  /// nullptr where there is none.
  const component_type* find_component(std::string_view type) const;
  const tool_type* find_tool(std::string_view name) const;
  const planner_type* find_planner(std::string_view name) const;
  const tool_source_type* find_source(std::string_view name) const;
  const tool_words* find_words(std::string_view tool) const;
  /// A planner or a source.
  const part_type* find_part(part_kind kind, std::string_view name) const;

  std::vector<std::string> component_names() const;           ///< sorted
  std::vector<std::string> tool_names() const;                ///< sorted
  std::vector<std::string> part_names(part_kind kind) const;  ///< sorted

 private:
  std::map<std::string, component_type, std::less<>> components_;
  std::map<std::string, tool_type, std::less<>> tools_;
  std::map<std::string, planner_type, std::less<>> planners_;
  std::map<std::string, tool_source_type, std::less<>> sources_;
  std::map<std::string, tool_words, std::less<>> words_;
};

}  // namespace hocket
