#pragma once

#include <string>

#include "graph/core/result.hpp"
#include "tools/hocket/train/train_loop.hpp"

namespace hocket::cli {

/// A row of `curve.csv` in the folder, which `report::draw_training_curves` draws. *Errors*: train.io.
result<void> append_curve(const std::string& folder, const train_progress& p);

}  // namespace hocket::cli
