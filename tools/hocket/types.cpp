#include "tools/hocket/types.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "graph/contract/plugin.hpp"
#ifdef HOCKET_HAS_COMPONENTS
#include "actors/components.hpp"
#endif
#ifdef HOCKET_HAS_PLUGINS
#include "plugins/plugins.hpp"
#endif

namespace hocket::cli {

result<registry> known_types(const std::vector<std::string>& plugins) {
  registry types;
#ifdef HOCKET_HAS_COMPONENTS
  HOCKET_TRY(register_components(types));
#endif
#ifdef HOCKET_HAS_PLUGINS
  HOCKET_TRY(plugins::register_all_plugins(types));
#endif
  for (const auto& file : plugins) HOCKET_TRY(load_plugin(file, types));
  return types;
}

loaded_graph load_graph(const std::string& file, const registry& types, const graph_options& how) {
  loaded_graph out;
  load_options options;
  options.sets = how.sets;
  for (const auto& param : how.params) {
    const auto at = param.find('=');
    if (at == std::string::npos || at == 0) {
      out.findings.add({severity::error,
                        {},
                        "cli.bad-param",
                        fmt::format("--param takes name=value, got `{}`", param),
                        "",
                        {}});
      continue;
    }
    options.params[param.substr(0, at)] = param.substr(at + 1);
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) {
    out.findings.add({severity::error,
                      {file, 0, 0},
                      "graph.unreadable",
                      "cannot read this file",
                      "give the path of a graph file, such as configs/graphs/talk.yaml",
                      {}});
    return out;
  }
  if (out.findings.has_errors()) return out;
  out.graph = load_plan(file, text.str(), types, options, out.findings);
  return out;
}

int report(const diagnostics& findings) {
  const auto text = findings.to_string();
  std::fwrite(text.data(), 1, text.size(), stderr);
  return findings.has_errors() ? exit_bad_input : exit_fine;
}

int complain(const error& e, int exit_code, const std::string& hint) {
  std::fflush(stdout);
  fmt::print(stderr, "{}", to_string(diagnostic{severity::error, {}, e.code, e.message, hint, {}}));
  return exit_code;
}

}  // namespace hocket::cli
