#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::report {

/// Draws the loss of a target over the steps, in training and (where it was measured) on held examples,
/// from `curve.csv` in `folder`. path ends in .svg or .png. *Errors*: train.curve (no rows), those of the
/// canvas.
result<void> draw_adapter_curve(const std::string& folder, const std::string& path);

}  // namespace hocket::report
