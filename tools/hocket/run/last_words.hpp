// What a run says when it is over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/host/runtime.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

std::string_view to_string(host::end_reason why);

/// Accounts, reason and files: as text, or as one line of JSON. Where nobody reads standard output,
/// standard error has them. `wall_s` in seconds.
void print_end(const run_options& o, const host::run_summary& end,
               const std::vector<std::string>& files, double wall_s);

}  // namespace hocket::cli
