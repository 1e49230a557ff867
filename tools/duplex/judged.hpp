// What judges outside this program found in the model's speech: a real recogniser, a judge of sound quality
// (judge/judge.py). Models of that size are no dependency of Hocket's; their verdict is a file.
#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/bench.hpp"

namespace hocket::duplex {

/// `<out>/judged.json`, and the run that it belongs to.
struct judged_speech {
  std::string recogniser, quality;  ///< which, with their versions; "": none listened
  std::size_t items = 0;            ///< of the run, that it says something about
};

/// The file's name in a run's folder.
inline constexpr const char* judged_file = "judged.json";

/// Reads `<out>/judged.json` where there is one and fills `did.outside` of its items.
/// *Errors*: duplex.judged: not what judge.py writes, or of another run than the one in `out`.
result<judged_speech> read_judged(const std::string& out, std::vector<played_item>& all);

}  // namespace hocket::duplex
