#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::mcp {

/// A process of a group of its own, with pipes for its standard streams and no other descriptor of
/// ours. It gets SIGTERM when the thread that started it ends (many servers ignore the end of input).
struct child_process {
  pid_t pid = -1;
  int in = -1, out = -1, err = -1;  ///< our ends, not blocking

  /// `environment`: NAME=VALUE, all that it gets; a program without a slash is looked for in its PATH.
  /// Errors: mcp.cannot_start with the system's words.
  static result<child_process> start(const std::vector<std::string>& command,
                                     const std::vector<std::string>& environment,
                                     const std::string& folder);
  /// Closes its input, waits, then SIGTERM and SIGKILL for the whole group; reaps it. How it ended
  /// ("exit status 1", "signal 9").
  std::string end(int patience_ms);
};

}  // namespace hocket::mcp
