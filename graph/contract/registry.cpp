#include "graph/contract/registry.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace hocket {
namespace {

bool is_word(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_component_name(std::string_view s) {
  const auto dot = s.find('.');
  return dot != std::string_view::npos && is_word(s.substr(0, dot)) && is_word(s.substr(dot + 1));
}

template <class Ports>
result<void> check_ports(const std::string& type, const Ports& ports) {
  std::set<std::string> seen;
  for (const auto& p : ports)
    if (!is_word(p.name) || !seen.insert(p.name).second)
      return fail("registry.bad_port",
                  fmt::format("{}: port `{}` is no lower-case word or stands twice", type, p.name));
  return {};
}

result<void> check_fields(const component_type& type) {
  const auto config = type.make_config();
  std::set<std::string> seen(reserved_actor_keys().begin(), reserved_actor_keys().end());
  for (const auto& f : document(*config))
    if (!is_word(std::string_view(f.info.name).substr(f.info.name.starts_with("pii.") ? 4 : 0)) ||
        !seen.insert(f.info.name).second)
      return fail("registry.bad_field",
                  fmt::format("{}: key `{}` is no lower-case word, stands twice or is one of the "
                              "graph file's own keys",
                              type.info.type, f.info.name));
  return {};
}

}  // namespace

const std::vector<std::string>& reserved_actor_keys() {
  static const std::vector<std::string> keys = {"component", "on",      "inputs",
                                                "policy",    "restart", "watchdog_ms",
                                                "doc",       "include", "replicas"};
  return keys;
}

result<void> registry::add(component_type type) {
  const auto name = type.info.type;
  if (!is_component_name(name))
    return fail("registry.bad_name",
                fmt::format("component type `{}` must read group.name in lower case", name));
  HOCKET_TRY(check_ports(name, type.info.inputs));
  HOCKET_TRY(check_ports(name, type.info.outputs));
  HOCKET_TRY(check_fields(type));
  for (auto& p : type.info.inputs)
    if (p.queue.size == 0) p.queue = default_queue(p.type.kind);
  if (!components_.emplace(name, std::move(type)).second)
    return fail("registry.duplicate", fmt::format("component type `{}` is registered twice", name));
  return {};
}

result<void> registry::add(tool_type type) {
  const auto name = type.info.name;
  if (!is_word(name))
    return fail("registry.bad_name", fmt::format("tool `{}` must be a lower-case word", name));
  if (!tools_.emplace(name, std::move(type)).second)
    return fail("registry.duplicate", fmt::format("tool `{}` is registered twice", name));
  return {};
}

const component_type* registry::find_component(std::string_view type) const {
  const auto it = components_.find(type);
  return it == components_.end() ? nullptr : &it->second;
}

const tool_type* registry::find_tool(std::string_view name) const {
  const auto it = tools_.find(name);
  return it == tools_.end() ? nullptr : &it->second;
}

std::vector<std::string> registry::component_names() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : components_) names.push_back(name);
  return names;
}

std::vector<std::string> registry::tool_names() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : tools_) names.push_back(name);
  return names;
}

}  // namespace hocket
