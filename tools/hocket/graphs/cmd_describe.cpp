#include <fmt/format.h>

#include "graph/core/diagnostic.hpp"
#include "graph/spec/docs.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

int print(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  say("{}", text);
  return exit_fine;
}

template <class Type>
int show(const Type& type, bool json) {
  return print(json ? spec::describe_json(type) : spec::describe_text(type));
}

}  // namespace

int run_describe(const describe_options& o) {
  std::vector<std::string> undeclared;
  const auto types = known_types_and(o.plugins, &undeclared);
  if (!types) return complain(types.error(), exit_bad_input);
  tell_undeclared(undeclared);
  if (const auto* component = types->find_component(o.type)) return show(*component, o.json);
  if (const auto* tool = types->find_tool(o.type)) return show(*tool, o.json);
  for (const auto kind : {part_kind::planner, part_kind::tool_source})
    if (const auto* part = types->find_part(kind, o.type))
      return print(o.json ? spec::describe_json(kind, *part) : spec::describe_text(kind, *part));
  auto names = types->component_names();
  for (auto& name : types->tool_names()) names.push_back(name);
  for (const auto kind : {part_kind::planner, part_kind::tool_source})
    for (auto& name : types->part_names(kind)) names.push_back(name);
  const auto near = nearest(o.type, names);
  return complain(
      {"describe.unknown",
       fmt::format("no component, tool, planner or tool source is called `{}`", o.type)},
      exit_bad_input,
      near.empty() ? "`hocket list` shows what there is" : fmt::format("did you mean `{}`?", near));
}

}  // namespace hocket::cli
