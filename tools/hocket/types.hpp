#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/spec/plan.hpp"
#include "graph/trust/policy.hpp"
#include "tools/hocket/commands.hpp"

namespace hocket::cli {

/// Everything that this program knows by itself: built-in components and plugins.
result<registry> known_types();

/// The same, and what the manifests beside these shared libraries declare (graph/spec/manifest.hpp).
/// Nothing of a library runs. `undeclared`: those without a manifest. Errors: what check_plugin()
/// reports; the message names the file.
result<registry> known_types_and(const std::vector<std::string>& plugins,
                                 std::vector<std::string>* undeclared = nullptr);

/// Says on stderr that what these libraries declare is not known, and what to do.
void tell_undeclared(const std::vector<std::string>& libraries);

/// The same with the libraries loaded, which runs their code: for commands that run a graph, and only
/// libraries that the command line names. Errors: what loading a plugin reports.
result<registry> types_to_run(const std::vector<std::string>& plugins);

/// Loads a plugin and writes what it declares to a file beside it.
result<void> write_manifest(const std::string& library);

struct loaded_graph {
  std::optional<plan> graph;  ///< empty where there are errors
  diagnostics findings;
  std::vector<std::string> includes;  ///< files that `graph` consists of besides its own
  /// What `${env:…}` asked for, and what it got: nothing where the file's default was taken.
  std::map<std::string, std::optional<std::string>> environment = {};
  std::vector<std::string> plugins = {};  ///< that it names, from the folder of the file
  std::shared_ptr<const registry> types;  ///< what `graph` points into
};

/// Where a graph's text comes from, and what becomes of it.
struct text_origin {
  bool expanded = false;  ///< see load_options
  /// It is to run with `types` as they are: plugins that it names and --plugin does not are refused.
  bool runs = false;
  const trust::policy* may = nullptr;  ///< none: a file of one's own
  /// Between hosts: what it needs from here (files, variables) is put beside it when it goes; one that
  /// came brought what it needs, and gets nothing else.
  enum class travel : std::uint8_t { stays, goes, came } travels = travel::stays;
};

/// Reads and validates one graph file without loading its `plugins:`: what their manifests say is
/// known, the rest is taken as the graph uses it, and a warning says so. A file that cannot be read is
/// a finding (`graph.unreadable`), so is a library that is no plugin of this release (`graph.plugin`).
loaded_graph load_graph(const std::string& file, const registry& types, const graph_options& how);

/// The same for a run: a graph without errors gets the libraries loaded that --plugin names; naming
/// one is not enough (`graph.plugin`).
loaded_graph load_graph_to_run(const std::string& file, const graph_options& how);

/// The same for a text; `file` is its name in findings.
loaded_graph load_graph_text(const std::string& file, const std::string& text,
                             const registry& types, const graph_options& how,
                             const text_origin& from);

/// Reads a new graph for a run that goes on, with the run's types and parameters. Included files come
/// from `includes` (path to text), and from disk where they are not in it: those are added to it.
/// Errors: apply.bad_graph, whose message holds all findings.
result<plan> load_again(const std::string& file, const std::string& text,
                        std::map<std::string, std::string>& includes, const registry& types,
                        const graph_options& how, const text_origin& from = {});

/// Prints findings to stderr; returns exit_bad_input where one is an error, else exit_fine.
int print_findings(const diagnostics& findings);

/// For commands that write a file which the user names while they read others: prints why where writing
/// would end one of them, also by another name of it, and returns exit_bad_input; else exit_fine.
int refuse_overwriting(const std::string& out, const std::string& who,
                       const std::vector<spec::named_file>& reads);

/// Prints `error: message [code]` to stderr and returns `exit_code`.
int complain(const error& e, int exit_code, const std::string& hint = "");

}  // namespace hocket::cli
