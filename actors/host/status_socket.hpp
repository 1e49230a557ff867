#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::host {

/// A snapshot as one line of JSON: graph, host (where the graph has several), now_s, sessions,
/// law_holds, actors, links, budgets; the fields are named as in the structs. Drops without packets
/// are left out.
std::string to_json(const snapshot& s, const std::string& graph);

/// The answer to one line, without a newline; "": not understood.
using status_answer = std::function<std::string(const std::string& line)>;

/// Answers each line on a Unix socket with one line of JSON: "status" for `hocket top`, and what
/// rewire_desk understands for `hocket apply`.
///
/// The file appears when it is listened to. Threads: one of its own; at most 16 clients at a time, 8 of
/// one process; who has been silent for longest gives way.
/// Errors: host.no_socket (path too long, folder not writable, another run listens there).
class status_socket {
 public:
  static result<std::unique_ptr<status_socket>> serve(const std::string& path,
                                                      status_answer answer);
  ~status_socket();

 private:
  class impl;
  explicit status_socket(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace hocket::host
