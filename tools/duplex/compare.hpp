// Two runs of the same set, item by item.
#pragma once

#include <string>

#include "graph/core/result.hpp"
#include "tools/report/measures.hpp"

namespace hocket::duplex {

/// Differences B - A of every value that both runs have for the same items, paired, with bootstrap
/// intervals: "turn.latency_s", n pairs. Reads report.json files.
/// *Errors*: duplex.file; duplex.compare where the two have no item in common.
result<report::measures> compare_runs(const std::string& file_a, const std::string& file_b);

}  // namespace hocket::duplex
