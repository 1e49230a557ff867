#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::cli {

struct process_output {
  int exit_code = 0;
  std::string out;
};

/// Runs a program found on PATH, without a shell, feeding `input`; stderr goes to ours.
/// Errors: process.not_found, process.failed (could not be started).
result<process_output> run_process(const std::vector<std::string>& arguments,
                                   const std::string& input = "");

/// One word of a POSIX shell's command line: quoted where it needs it, whatever is in it.
std::string shell_word(const std::string& text);

/// The program's path, or "" where PATH has none.
std::string find_program(const std::string& name);

}  // namespace hocket::cli
