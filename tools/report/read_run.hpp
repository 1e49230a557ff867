#pragma once

#include <string>
#include <vector>

#include "tools/report/facts.hpp"

namespace hocket::report {

/// As read_facts, of a whole run, which may have written its log in turns: back to the piece with its
/// start. Pieces that an earlier run left are not read.
std::vector<fact> read_run(const std::string& path, int& skipped);

}  // namespace hocket::report
