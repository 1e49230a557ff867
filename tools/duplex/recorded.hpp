// Judges what another system recorded, instead of running a graph.
#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/bench.hpp"

namespace hocket::duplex {

/// Timelines from `<folder>/<item folder>/output.wav`, as Full-Duplex-Bench has it, or from
/// `<folder>/<key>.wav` (`turn/0007.wav`). Stereo: person left, model right; mono: the model. Timing
/// is by energy. Words come from `output.json` beside it ({"chunks": [{"text", "timestamp": [s, e]}]},
/// as a recogniser writes it) where there is one, else measures of words are not run. Items without
/// a recording are left out and named in `missing`.
/// *Errors*: duplex.file where there is no recording at all.
result<std::vector<played_item>> read_recorded(const std::string& folder, std::uint64_t seed,
                                               const std::vector<item_spec>& specs,
                                               std::vector<std::string>& missing);

}  // namespace hocket::duplex
