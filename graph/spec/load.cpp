#include <algorithm>
#include <filesystem>

#include "graph/contract/registry.hpp"
#include "graph/spec/expand.hpp"
#include "graph/spec/hash.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/plan.hpp"
#include "graph/spec/validate.hpp"
#include "graph/trust/secret.hpp"

namespace hocket {

std::optional<plan> load_plan(const std::string& file, const std::string& text,
                              const registry& types, const load_options& options,
                              diagnostics& findings) {
  std::optional<plan> out;
  // Other hosts are told the hash, and know the rest of the graph: a value in it could be guessed.
  trust::secrets_of_graph secrets;
  const auto graph = spec::expand(file, text, options, findings);
  if (graph) out = spec::validate(*graph, types, findings);
  if (out && !findings.has_errors()) {
    out->hash = spec::hash_of(secrets.without(spec::canonical_text(*out)));
    spec::take_from_files(*graph, types, options.expanded, *out);
  }
  findings.sort();
  return findings.has_errors() ? std::nullopt : std::move(out);
}

std::vector<std::string> plugins_of(const std::string& file, const std::string& text,
                                    const load_options& options) {
  diagnostics findings;
  const auto graph = spec::expand(file, text, options, findings);
  if (!graph) return {};
  std::vector<std::string> out;
  for (const auto& p : graph->plugins)
    out.push_back((std::filesystem::path(file).parent_path() / p).lexically_normal().string());
  // `python.my_module.Thing` is of my_module.py beside the graph, where nothing else is said.
  for (const auto& a : graph->actors) {
    if (!a.component.starts_with("python.")) continue;
    const auto name = a.component.substr(7, a.component.find('.', 7) - 7);
    const auto is_it = [&](const std::string& p) {
      return std::filesystem::path(p).stem() == name;
    };
    if (name.empty() || std::any_of(out.begin(), out.end(), is_it)) continue;
    const auto beside = std::filesystem::path(file).parent_path() / name;
    std::error_code failed;
    out.push_back((std::filesystem::is_directory(beside, failed) ? beside.string()
                                                                 : beside.string() + ".py"));
  }
  return out;
}

}  // namespace hocket
