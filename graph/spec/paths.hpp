#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/contract/registry.hpp"
#include "graph/spec/spec.hpp"

/// Paths in a graph file are taken from the folder of the file that says them, so that the graph runs
/// from any folder.
namespace hocket::spec {

/// Which file says a path. What a reference brought counts where it was written: a parameter's default
/// in its file, `with:` in the including file; "": `--param`, `--set` and variables of the environment,
/// whose paths are taken from the current folder.
class path_origins {
 public:
  /// What now stands at `place` was written in `file`.
  void moved(const source_mark& place, std::string file);
  std::string of(const source_mark& place) const;

 private:
  std::map<std::tuple<std::string, int, int>, std::string> elsewhere_;
};

/// A relative path in an actor's config.
struct said_path {
  std::string key;    ///< `model`, `planner.model`, `folders.0`
  std::string text;   ///< as the graph says it; of a pipeline: all of it
  std::string file;   ///< that says it; "": nobody's, see path_origins
  source_mark place;  ///< where it stands
  std::string led;    ///< expanded graphs: where it led from `folder`; of a pipeline: all of it
  std::string folder;
  bool in_pipeline = false;
  bool in_part = false;  ///< a planner or source may know a word for it
};

/// The config of an actor whose graph names relative paths: as it runs, with paths from the current
/// folder, and as the graph says it.
class located_config final : public config_base {
 public:
  located_config(const component_type& type, std::shared_ptr<config_base> written,
                 std::vector<said_path> paths);
  void visit(config_visitor& v) override { here_->visit(v); }
  /// Where each path leads now.
  using place = std::function<std::string(const said_path&, const std::string& path)>;
  void lead(const place& where);
  config_base& written() const { return *written_; }
  /// By key, what stands there now.
  const std::map<std::string, std::string>& now() const { return now_; }

 private:
  const component_type& type_;
  std::shared_ptr<config_base> written_, here_;
  std::vector<said_path> paths_;
  std::map<std::string, std::string> now_;
};

/// A config as the graph says it: for hashes, texts of the graph, and what a rewire compares.
config_base& said(config_base& config);

/// Makes each relative path of a plan one from the current folder, by text alone; after the hash, which
/// is the same wherever the graph lies. A graph that was expanded has its own record of where they led.
void take_from_files(const graph_spec& graph, const registry& types, bool expanded, plan& out);

/// Looks at the disk for what take_from_files() could not know: links on the way, and graphs whose
/// paths are right from the current folder alone, as releases before took them.
///
/// Errors: none. graph.path (warning): such a path, and what to write instead.
void find_paths(plan& graph, diagnostics& findings);

/// The file of a host's public key; "": it has none.
std::string key_file(const plan& graph, const plan_host& host);

/// Where a plan's paths lead: "ACTOR.KEY" to a path, and under "folder" the current one; empty where
/// none was relative.
std::map<std::string, std::string> places_of(const plan& graph);

/// `path` as from the folder of `file`, in normal form; an absolute one, or one that no file says, as
/// it is.
std::string from_file(const std::string& file, const std::string& path);

/// A pipeline's text with every relative `location=` of an element that reads files replaced.
std::string with_locations(const std::string& pipeline,
                           const std::function<std::string(const std::string&)>& replace);

}  // namespace hocket::spec
