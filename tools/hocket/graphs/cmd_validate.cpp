#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

json to_json(const diagnostic& d) {
  return {{"level", d.level == severity::error ? "error" : "warning"},
          {"file", d.where.file},
          {"line", d.where.line},
          {"column", d.where.column},
          {"code", d.code},
          {"message", d.message},
          {"hint", d.hint},
          {"notes", d.notes}};
}

}  // namespace

int run_validate(const validate_options& o) {
  const auto types = known_types_and(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  int code = exit_fine;
  json all = json::array();
  for (const auto& file : o.graphs) {
    const auto loaded = load_graph(file, *types, o.how);
    code = std::max(code, loaded.findings.has_errors() ? exit_bad_input : exit_fine);
    if (o.json) {
      json findings = json::array();
      for (const auto& d : loaded.findings.items()) findings.push_back(to_json(d));
      json entry = {{"file", file}, {"valid", loaded.graph.has_value()}, {"findings", findings}};
      if (loaded.graph) {
        entry["name"] = loaded.graph->name;
        entry["hash"] = loaded.graph->hash;
        entry["actors"] = loaded.graph->actors.size();
        entry["links"] = loaded.graph->links.size();
      }
      all.push_back(std::move(entry));
      continue;
    }
    print_findings(loaded.findings);
    if (loaded.graph)
      say("{}: valid, {} actors, {} links\n", file, loaded.graph->actors.size(),
          loaded.graph->links.size());
  }
  if (o.json) say("{}\n", json{{"graphs", all}}.dump(2));
  return code;
}

}  // namespace hocket::cli
