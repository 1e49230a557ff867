// Why there is no run, and what to do: each says so on standard error, and gives the exit code.
#pragma once

#include "graph/core/result.hpp"
#include "graph/spec/plan.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

/// The folder cannot be had.
int no_folder(const error& why);
/// The run cannot go on from what a killed one left.
int no_beginning(const error& why);
/// Its actors did not open.
int no_start(const run_options& o, const plan& graph, const error& why);

}  // namespace hocket::cli
