#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "tools/hocket/commands.hpp"

/// What the parts of the argument parser share; main.cpp holds all but the longest.
namespace hocket::cli {

/// What the chosen command does; gives the exit code.
using action = std::function<int()>;

inline void add_graph_options(CLI::App& sub, graph_options& o) {
  sub.add_option("--set", o.sets, "Override a key of the graph: actors.model.device=cpu")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  sub.add_option("--param", o.params, "Value of ${param:name}")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  sub.add_option("--plugin", o.plugins, "Load a plugin's shared library first")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

inline void add_json(CLI::App& sub, bool& json) {
  sub.add_flag("--json", json, "Machine-readable output");
}

/// `eval duplex` below `eval` (options_eval_duplex.cpp).
void add_eval_duplex(CLI::App& eval, action& chosen);

}  // namespace hocket::cli
