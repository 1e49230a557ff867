#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/hocket/commands.hpp"

namespace hocket::cli {

/// A running graph that can be asked for its status: a Unix socket, or HTTP on another machine.
///
/// Threads: one at a time.
class status_source {
 public:
  virtual ~status_source() = default;
  /// The folder, file or address that the user gave.
  virtual const std::string& name() const = 0;
  /// One status as JSON without a newline, within `limit_ms`. After a failure the next call tries
  /// to reach the run anew. Errors: status.no_run (no such socket: it ended in order, or never
  /// was), status.dead (nobody at its socket), status.no_answer, status.bad_socket,
  /// observe.no_answer.
  virtual result<std::string> ask(int limit_ms) = 0;
  /// Another line than "status", and its answer. Errors: the same, status.not_here.
  virtual result<std::string> say(const std::string& line, int limit_ms) = 0;
};

/// In the order folders, sockets, addresses; nothing given: the folder `out`.
/// The folders of the run in `out`: itself, or where no run listens there the folders of its hosts.
std::vector<std::string> run_folders(const std::string& out);

std::vector<std::unique_ptr<status_source>> status_sources(const watch_options& o);

/// The exit code where nobody answers: a folder that was given and is not there is a wrong input, a
/// run that is not there is none.
int exit_of_silence(const watch_options& o);

}  // namespace hocket::cli
