#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"
#include "tools/hocket/commands.hpp"

namespace hocket::cli {

/// Everything that this program knows: built-in components and plugins, then the shared libraries.
/// Errors: what loading a plugin reports; the message names the file.
result<registry> known_types(const std::vector<std::string>& plugins);

struct loaded_graph {
  std::optional<plan> graph;  ///< empty where there are errors
  diagnostics findings;
  std::vector<std::string> includes;      ///< files that `graph` consists of besides its own
  std::shared_ptr<const registry> types;  ///< what `graph` points into: `types` and its own plugins
};

/// Reads and validates one graph file, with the shared libraries of its `plugins:` loaded first. A
/// file that cannot be read is a finding (`graph.unreadable`), so is a library (`graph.plugin`).
loaded_graph load_graph(const std::string& file, const registry& types, const graph_options& how);

/// The same for a text; `file` is its name in findings. `expanded`: see load_options.
loaded_graph load_graph_text(const std::string& file, const std::string& text,
                             const registry& types, const graph_options& how, bool expanded);

/// Reads a new graph for a run that goes on, with the run's types and parameters. Included files come
/// from `includes` (path to text), and from disk where they are not in it: those are added to it.
/// `expanded`: see load_options. Errors: apply.bad_graph, whose message holds all findings.
result<plan> load_again(const std::string& file, const std::string& text,
                        std::map<std::string, std::string>& includes, const registry& types,
                        const graph_options& how, bool expanded = false);

/// Prints findings to stderr; returns exit_bad_input where one is an error, else exit_fine.
int print_findings(const diagnostics& findings);

/// Prints `error: message [code]` to stderr and returns `exit_code`.
int complain(const error& e, int exit_code, const std::string& hint = "");

}  // namespace hocket::cli
