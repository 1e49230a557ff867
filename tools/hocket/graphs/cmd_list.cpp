#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

void print_part(const std::string& title,
                const std::vector<std::pair<std::string, std::string>>& rows) {
  say("{} ({})\n", title, rows.size());
  std::size_t wide = 0;
  for (const auto& [name, summary] : rows) wide = std::max(wide, name.size());
  for (const auto& [name, summary] : rows) say("  {:<{}}  {}\n", name, wide, summary);
}

}  // namespace

int run_list(const list_options& o) {
  std::vector<std::string> undeclared;
  const auto types = known_types_and(o.plugins, &undeclared);
  if (!types) return complain(types.error(), exit_bad_input);
  tell_undeclared(undeclared);
  std::vector<std::pair<std::string, std::string>> components, tools, planners, sources;
  for (const auto& name : types->component_names())
    components.emplace_back(name, types->find_component(name)->info.summary);
  for (const auto& name : types->tool_names())
    tools.emplace_back(name, types->find_tool(name)->info.summary);
  for (const auto& name : types->part_names(part_kind::planner))
    planners.emplace_back(name, types->find_planner(name)->summary);
  for (const auto& name : types->part_names(part_kind::tool_source))
    sources.emplace_back(name, types->find_source(name)->summary);

  const bool want_components = o.what != "tools", want_tools = o.what != "components";
  if (o.json) {
    auto pack = [](const auto& rows) {
      json out = json::array();
      for (const auto& [name, summary] : rows)
        out.push_back({{"name", name}, {"summary", summary}});
      return out;
    };
    json all = json::object();
    if (want_components) all["components"] = pack(components);
    if (want_tools) all["tools"] = pack(tools);
    if (want_tools) all["tool_sources"] = pack(sources);
    if (want_components) all["planners"] = pack(planners);
    say("{}\n", all.dump(2));
    return exit_fine;
  }
  if (want_components) print_part("components", components);
  if (want_components) say("\n");
  if (want_components) print_part("planners", planners);
  if (want_components && want_tools) say("\n");
  if (want_tools) print_part("tools", tools);
  if (want_tools && !sources.empty()) fmt::print("\n");
  if (want_tools && !sources.empty()) print_part("tool sources", sources);
  return exit_fine;
}

}  // namespace hocket::cli
