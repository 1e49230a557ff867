#pragma once

#include <string>
#include <vector>

/// What the families of commands share. Each family has a `commands.hpp` of its own: the options of
/// its commands, filled by its options_*.cpp, and the functions that carry them out. Each returns
/// the exit code.
namespace hocket::cli {

inline constexpr int exit_fine = 0;
inline constexpr int exit_failed = 1;     ///< at run time
inline constexpr int exit_bad_input = 2;  ///< the user's input is wrong; nothing was started

/// What every command that reads a graph takes.
struct graph_options {
  std::vector<std::string> sets;     ///< --set actors.model.device=cpu
  std::vector<std::string> params;   ///< --param name=value
  std::vector<std::string> plugins;  ///< --plugin libmine.so
};

/// Where running graphs are asked how they are.
struct watch_options {
  std::vector<std::string> outs;      ///< --out folders; their hocket.sock
  std::vector<std::string> sockets;   ///< sockets that lie elsewhere
  std::vector<std::string> connects;  ///< what `run --metrics` says: http://host:9464
};

}  // namespace hocket::cli
