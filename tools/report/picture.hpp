#pragma once

#include <string>

#include "graph/core/result.hpp"
#include "tools/report/conversation.hpp"

namespace hocket::report {

/// One picture of a whole conversation on a time axis, wrapped over several rows: both voices, the
/// words at their times, response latency, delegations with the way to their results, compute per
/// micro-turn against its deadline. `path` ends in .svg or .png.
///
/// Errors: picture.bad_format, picture.cannot_write.
result<void> draw_conversation(const conversation& what, const std::string& path);

}  // namespace hocket::report
