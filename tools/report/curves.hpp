#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::report {

/// Draws the losses and the teacher-forced and closed-loop word rates of a training run over its
/// steps, from `curve.csv` and (where there is one) `eval.csv` in `folder`.
/// path ends in .svg or .png. *Errors*: train.curve (no rows), those of the canvas.
result<void> draw_training_curves(const std::string& folder, const std::string& path);

}  // namespace hocket::report
