#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::mcp {

/// A program with pipes for its standard streams and no other descriptor of ours, which ends when we do.
class child_process {
 public:
  int in = -1, out = -1, err = -1;  ///< our ends, not blocking; the link may close them

  /// In a sandbox with these rules, whose environment is all that it gets. A program without a slash
  /// is looked for in its PATH. Errors: mcp.cannot_start with the words of the system or the sandbox.
  static result<child_process> confined(const std::vector<std::string>& command,
                                        const std::string& folder,
                                        const trust::sandbox_rules& rules);
  /// The same with all that this user may; in a process group of its own. It gets SIGTERM when the
  /// thread that started it ends (many servers ignore the end of input).
  static result<child_process> start(const std::vector<std::string>& command,
                                     const std::string& folder,
                                     const std::map<std::string, std::string>& environment);
  /// Closes its input, waits, then SIGTERM and SIGKILL for the whole group; reaps it. How it ended
  /// ("exit status 1", "signal 9").
  std::string end(int patience_ms);

 private:
  void close_streams();
  std::string end_confined(int patience_ms);
  pid_t pid_ = -1;
  std::optional<trust::sandboxed> confined_;
};

}  // namespace hocket::mcp
