#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"

/// Components that misbehave in every way that somebody thought of, and ordinary ones to compare.
namespace hocket::rogue {

/// One way to misbehave.
struct way {
  const char* name;
  std::function<void(const context&, emitter*)> act;
};
const std::vector<way>& ways();
std::vector<way> ways_of_acts();    ///< what it does to itself and reaches for
std::vector<way> ways_of_frames();  ///< what it says in the run's pipes and memory

/// test.rogue (misbehaves as its config says), test.words (a source of ten numbered words),
/// test.pairs (sets, ticks, its own tasks), and test.sound (large payloads).
registry types();

}  // namespace hocket::rogue
