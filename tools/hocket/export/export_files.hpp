#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/spec/plan.hpp"
#include "tools/hocket/export/commands.hpp"

namespace hocket::cli {

struct export_file {
  std::string name;  ///< inside the folder that is written
  std::string text;
  bool secret = false;  ///< for its owner's eyes alone
};

struct exported {
  std::vector<export_file> files;
  std::vector<std::string> notes;  ///< what the user must know or do
};

/// What a graph asks of the environment: the value it had here, nothing where its default was taken.
using environment = std::map<std::string, std::optional<std::string>>;

/// What is exported, of which graph.
struct export_source {
  const export_options& o;
  const plan& graph;
  environment env;
  std::vector<export_file> files;  ///< kubernetes: path and text of the graph file and its includes
};

/// What a deployment must know of the part of a graph that one host runs.
struct host_needs {
  std::string host;        ///< "": the whole graph
  std::string instance;    ///< "talk-gpu": a name for units, pods and folders, unique in the graph
  std::string listen;      ///< tcp://address:port; "": no socket
  std::string public_key;  ///< file; "": plaintext
  std::string secret_key;  ///< beside the public one, NAME.key
  std::vector<std::string> actors;
  std::vector<std::string> device_actors;  ///< open a microphone, a camera or a speaker
  std::vector<std::string> paths;          ///< files and folders that configs name
  int gpus = 0;                            ///< asked for by name (device: cuda)
  bool confines = false;                   ///< starts programs in sandboxes
};

/// One entry per host of the graph; of a graph without hosts, one for all of it.
std::vector<host_needs> needs_of(const plan& graph);
/// Arguments of `hocket run` that are the same everywhere: --host, --set, --param, --plugin,
/// --sessions, --listen, --peer, --record (below `state`), --no-pii.
std::vector<std::string> run_arguments(const export_options& o, const host_needs& h,
                                       const std::string& state);

/// Lower-case letters, digits and single hyphens, at most 40, a letter first, as Kubernetes, DNS and
/// systemd want it: "My graph" -> "my-graph". Where more is lost than case and spaces, six digits of
/// a hash tell it from others: "Gespräch" -> "gespr-ch-1f2e3d".
std::string plain_name(const std::string& text);

/// What cannot be exported, and what to do instead; nothing where all can. Both targets take names,
/// paths and words as lines: control characters and what the target would read as its own are
/// refused here, so that no text of a graph becomes a line of a unit or a command.
///
/// Errors: export.bad_text, export.bad_path, export.bad_name, export.bad_option, export.env,
/// export.too_large.
result<void> check_export(const export_source& from);

/// A unit per host. Pure: nothing is written.
exported export_systemd(const export_source& from);
/// A ConfigMap with the graph file and what it includes, and a headless Service and a StatefulSet
/// per host.
exported export_kubernetes(const export_source& from);

}  // namespace hocket::cli
