#include "tools/hocket/types.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "graph/contract/plugin.hpp"
#include "graph/spec/expand.hpp"
#include "actors/components.hpp"
#include "plugins/plugins.hpp"

namespace hocket::cli {

result<registry> known_types(const std::vector<std::string>& plugins) {
  registry types;
  HOCKET_TRY(register_components(types));
  HOCKET_TRY(plugins::register_all_plugins(types));
  for (const auto& file : plugins) HOCKET_TRY(load_plugin(file, types));
  return types;
}

namespace {

/// Loads the libraries that the graph names and `--plugin` has not loaded already.
void load_own_plugins(const std::string& graph, const std::vector<std::string>& wanted,
                      const std::vector<std::string>& loaded, registry& types,
                      diagnostics& findings) {
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code failed;
    return a == b || std::filesystem::equivalent(a, b, failed);
  };
  for (const auto& file : wanted) {
    const auto is_file = [&](const std::string& other) { return same(file, other); };
    if (std::any_of(loaded.begin(), loaded.end(), is_file)) continue;
    if (const auto done = load_plugin(file, types); !done)
      findings.add({severity::error,
                    {graph, 0, 0},
                    "graph.plugin",
                    fmt::format("plugins: {}", done.error().message),
                    "paths are taken from the current folder",
                    {}});
  }
}

}  // namespace

namespace {

/// Files that load_plan read on this thread: its reader is a plain function.
thread_local std::vector<std::string> noted;

result<std::string> read_and_note(const std::string& path) {
  auto text = spec::read_from_disk(path);
  if (text) noted.push_back(path);
  return text;
}

/// The included files of a text that came from elsewhere.
thread_local std::map<std::string, std::string>* bundled = nullptr;

result<std::string> read_bundled(const std::string& path) {
  std::error_code failed;
  const auto name = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (const auto it = bundled->find(name); it != bundled->end()) return it->second;
  auto text = spec::read_from_disk(path);
  if (text) (*bundled)[name] = *text;
  return text;
}

/// False where one does not read name=value: told.
bool read_params(const graph_options& how, load_options& options, diagnostics& findings) {
  for (const auto& param : how.params) {
    const auto at = param.find('=');
    if (at == std::string::npos || at == 0)
      findings.add({severity::error,
                    {},
                    "cli.bad-param",
                    fmt::format("--param takes name=value, got `{}`", param),
                    "",
                    {}});
    else
      options.params[param.substr(0, at)] = param.substr(at + 1);
  }
  return !findings.has_errors();
}

}  // namespace

result<plan> load_again(const std::string& file, const std::string& text,
                        std::map<std::string, std::string>& includes, const registry& types,
                        const graph_options& how, bool expanded) {
  diagnostics findings;
  load_options options;
  options.expanded = expanded;
  options.sets = how.sets;
  options.read_file = read_bundled;
  if (!read_params(how, options, findings)) return fail("apply.bad_graph", findings.to_string());
  bundled = &includes;
  auto graph = load_plan(file, text, types, options, findings);
  bundled = nullptr;
  if (!graph) return fail("apply.bad_graph", findings.to_string());
  return std::move(*graph);
}

loaded_graph load_graph_text(const std::string& file, const std::string& text,
                             const registry& types, const graph_options& how, bool expanded) {
  loaded_graph out;
  load_options options;
  options.expanded = expanded;
  options.sets = how.sets;
  options.read_file = read_and_note;
  noted.clear();
  if (!read_params(how, options, out.findings)) return out;
  const auto known = std::make_shared<registry>(types);
  load_own_plugins(file, plugins_of(file, text, options), how.plugins, *known, out.findings);
  out.types = known;
  out.graph = load_plan(file, text, *known, options, out.findings);
  out.includes.swap(noted);
  if (out.findings.has_errors()) out.graph.reset();
  return out;
}

loaded_graph load_graph(const std::string& file, const registry& types, const graph_options& how) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) {
    loaded_graph out;
    out.findings.add({severity::error,
                      {file, 0, 0},
                      "graph.unreadable",
                      "cannot read this file",
                      "give the path of a graph file, such as configs/graphs/talk.yaml",
                      {}});
    return out;
  }
  return load_graph_text(file, text.str(), types, how, false);
}

int print_findings(const diagnostics& findings) {
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
