// The command that writes what other programs start a graph with.
#pragma once

#include <string>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct export_options {
  std::string kind;  ///< systemd, kubernetes
  std::string graph;
  graph_options how;
  std::string out = "deploy";
  std::string host;  ///< "": all hosts
  std::string program = "/usr/bin/hocket";
  std::string dir = "/srv/hocket";      ///< working folder on the target: models, recordings
  std::string user = "hocket";          ///< systemd
  std::string image = "hocket:latest";  ///< kubernetes
  std::string name_space;               ///< kubernetes; "": the current one
  int metrics_port = 9464;
  bool json = false;
  // What `hocket run` is given there.
  int sessions = 1;
  std::string listen;              ///< of the one host that is exported
  std::vector<std::string> peers;  ///< NAME=ADDRESS
  std::string record;              ///< in the state folder, unless it is absolute
  std::vector<std::string> record_edges;
  bool no_pii = false;
};
int run_export(const export_options&);

}  // namespace hocket::cli
