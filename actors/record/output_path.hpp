#pragma once

#include <string>

#include "graph/contract/component.hpp"

namespace hocket::record {

/// Where a run's file goes: `file` under the run's output folder; the second and later sessions
/// get their number before the extension ("talk.2.wav").
std::string output_path(const context& where, const std::string& file);

}  // namespace hocket::record
