#pragma once

#include <cstdint>
#include <string>

#include "graph/core/result.hpp"
#include "tools/hocket/train/train_loop.hpp"

namespace hocket::cli {

/// A row of `curve.csv` in the folder, which `report::draw_training_curves` draws. *Errors*: train.io.
result<void> append_curve(const std::string& folder, const train_progress& p);

/// Keeps the rows up to `step`: a run that goes on from a checkpoint makes those behind it again, and one
/// that begins (0) all. *Errors*: train.io.
result<void> cut_curve(const std::string& folder, std::int64_t step);

}  // namespace hocket::cli
