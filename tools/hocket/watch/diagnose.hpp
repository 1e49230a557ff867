#pragma once

#include <string>
#include <vector>

#include "tools/hocket/doctor.hpp"

namespace hocket::cli {

/// What is wrong with a running graph, from two looks at it (JSON as the status socket sends it):
/// actors that are down, stalled or restart in a loop, full queues and whom they hold up, losses
/// with reason and remedy, missed budgets, dead links to other hosts, broken accounts.
///
/// Each finding names its culprit: of actors that wait for each other, the one at the end of the
/// chain. With nothing wrong one good finding says so.
std::vector<finding> diagnose(const std::string& before, const std::string& now);

/// What to do about packets dropped for this reason (`drop_reason` as text).
std::string remedy_of(const std::string& reason);

}  // namespace hocket::cli
