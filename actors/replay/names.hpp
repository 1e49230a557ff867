#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "actors/record/graph_recorder.hpp"

namespace hocket::replay {

/// "mic" of "mic.audio"; names of actors have dots where they were included.
inline std::string actor_of(const std::string& output) {
  return output.substr(0, output.rfind('.'));
}

inline bool matches_any(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const auto& glob) { return record::matches_glob(glob, name); });
}

}  // namespace hocket::replay
