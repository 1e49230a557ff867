// From judged items to the measures of a report, each with its definition.
#pragma once

#include <string>
#include <vector>

#include "tools/duplex/bench.hpp"
#include "tools/report/measures.hpp"

namespace hocket::duplex {

/// What a measure is, for people: printed with it.
struct definition {
  std::string name, what;
};

struct bench_report {
  report::measures numbers;
  std::vector<definition> definitions;
  std::vector<std::string> errors;  ///< such as a text stream that disagrees with the sound
};

/// Why families were left out: "proactive_video" -> "the graph has no video input".
using left_out = std::vector<std::pair<std::string, std::string>>;

/// All measures; those whose family was left out, or has no item with the value, are `not run` with
/// the reason. A second block `flite.*` is over the items that flite's voice spoke.
bench_report summarise(const std::vector<played_item>& all, const left_out& missing);

}  // namespace hocket::duplex
