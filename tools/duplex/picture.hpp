// A picture per family: a good and a bad item on a time axis.
#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/bench.hpp"

namespace hocket::duplex {

/// One panel per item: the person's sound with what was said, the model's with its words, the
/// family's window, due words, tool calls. `path` ends in .svg or .png.
/// *Errors*: picture.bad_format, picture.cannot_write.
result<void> draw_items(const std::vector<const played_item*>& items, const std::string& title,
                        const std::string& path);

/// The best and the worst clean item of every family, as `<folder>/<family>.svg` and `.png`; the
/// names of the files. Among equals the first.
result<std::vector<std::string>> draw_families(const std::vector<played_item>& all,
                                               const std::string& folder);

/// What the model should do, for people: "goes on with its answer".
std::string wanted_of(const item& of);
/// What the shaded window of an item is: "pause".
std::string window_of(const item& of);

}  // namespace hocket::duplex
