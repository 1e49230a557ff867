// The files of a run.
#pragma once

#include <string>
#include <vector>

#include "graph/spec/plan.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

/// What this process will write, and what must stay as it is: two writers of one file, and a writer of
/// what is read, are refused with both places. `includes`: files that the graph consists of besides its own.
diagnostics check_run_files(const run_options& o, const plan& graph,
                            const std::vector<std::string>& includes);

}  // namespace hocket::cli
