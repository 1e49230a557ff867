#pragma once

#include <string>
#include <vector>

#include "graph/spec/plan.hpp"
#include "tools/hocket/export/commands.hpp"

namespace hocket::cli {

struct export_file {
  std::string name;  ///< inside the folder that is written
  std::string text;
};

struct exported {
  std::vector<export_file> files;
  std::vector<std::string> notes;  ///< what the user must know or do
};

/// What a deployment must know of the part of a graph that one host runs.
struct host_needs {
  std::string host;        ///< "": the whole graph
  std::string instance;    ///< "talk-gpu": a name for units, pods and folders
  std::string listen;      ///< tcp://address:port; "": no socket
  std::string public_key;  ///< file; "": plaintext
  std::string secret_key;  ///< beside the public one, NAME.key
  std::vector<std::string> actors;
  std::vector<std::string> device_actors;  ///< open a microphone, a camera or a speaker
  std::vector<std::string> paths;          ///< files and folders that configs name
  int gpus = 0;                            ///< asked for by name (device: cuda)
};

/// One entry per host of the graph; of a graph without hosts, one for all of it.
std::vector<host_needs> needs_of(const plan& graph);
/// Arguments of `hocket run` that are the same everywhere: graph file, --host, --set, --param,
/// --plugin.
std::vector<std::string> run_arguments(const export_options& o, const host_needs& h);
/// Letters, digits and hyphens, as Kubernetes and DNS want it: "My graph" -> "my-graph".
std::string plain_name(const std::string& text);

/// A unit per host. Pure: nothing is written.
exported export_systemd(const export_options& o, const plan& graph);
/// A ConfigMap with the graph file and what it includes, and a headless Service and a StatefulSet
/// per host. `sources`: path and text of the graph file (first) and its includes.
exported export_kubernetes(const export_options& o, const plan& graph,
                           const std::vector<export_file>& sources);

}  // namespace hocket::cli
