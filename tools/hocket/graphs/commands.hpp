// The commands that read graphs, and make what they need.
#pragma once

#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct validate_options {
  std::vector<std::string> graphs;
  graph_options how;
  bool json = false;
};
int run_validate(const validate_options&);

struct graph_command_options {
  std::string graph;
  graph_options how;
  std::string format;  ///< svg, png, dot; "": by the ending of `out`, else dot
  std::string out;     ///< "": stdout
  bool json = false;
};
int run_graph(const graph_command_options&);

struct list_options {
  std::string what;  ///< components, tools, "" = both
  std::vector<std::string> plugins;
  bool json = false;
};
int run_list(const list_options&);

struct describe_options {
  std::string type;
  std::vector<std::string> plugins;
  bool json = false;
};
int run_describe(const describe_options&);

struct new_options {
  std::string kind;  ///< component, tool, project
  std::string name;  ///< group.name or name
  std::string dir = "plugins";
  std::string out_of_tree;  ///< a folder of its own with find_package(Hocket)
  bool python = false;      ///< in Python, in a folder of its own
  bool json = false;
};
int run_new(const new_options&);

struct keys_options {
  std::vector<std::string> names;  ///< pairs to make; none: list
  std::vector<std::string> api;    ///< keys of the gateway to make, by the name of who gets one
  bool edit = false;               ///< … which may change the graph, too
  bool grown_up = false;           ///< … or open a grown-up's settings alone
  std::vector<std::string> tls;    ///< host names that a certificate of the gateway is made for
  std::string dir = "keys";
  bool json = false;
};
int run_keys(const keys_options&);
/// Those with `api` or `tls`.
int run_gateway_keys(const keys_options&);

struct docs_options {
  std::string root = ".";  ///< repository root
  bool check = false;
  std::string schema;                ///< only the JSON Schema, to this file; "-": standard output
  std::vector<std::string> plugins;  ///< which it knows too
};
int run_docs(const docs_options&);

}  // namespace hocket::cli
