#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "graph/contract/tool.hpp"

namespace hocket {

/// The keys of an actor that are the graph file's own; no component's config may use them.
const std::vector<std::string>& reserved_actor_keys();

/// The component and tool types that a process knows. Filled by explicit calls; no static
/// initialisers, which static libraries drop silently.
class registry {
 public:
  /// Errors: registry.duplicate, registry.bad_name (`group.name` in lower case), registry.bad_port,
  /// registry.bad_field (a config key that is no lower-case word, stands twice or is the graph's).
  result<void> add(component_type type);
  result<void> add(tool_type type);

  /// nullptr where there is none.
  const component_type* find_component(std::string_view type) const;
  const tool_type* find_tool(std::string_view name) const;

  std::vector<std::string> component_names() const;  ///< sorted
  std::vector<std::string> tool_names() const;       ///< sorted

 private:
  std::map<std::string, component_type, std::less<>> components_;
  std::map<std::string, tool_type, std::less<>> tools_;
};

}  // namespace hocket
