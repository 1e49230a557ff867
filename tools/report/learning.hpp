#pragma once

#include <string>

#include "graph/core/result.hpp"
#include "tools/report/measures.hpp"

namespace hocket::report {

/// What a run with `trainer.labelled_talk` came to, from its `talk.jsonl`: `learn.before`, `learn.after`
/// (the share of held-out requests that passed), `learn.rest_change`, how many adapters were taken
/// (`learn.swaps`) and taken back, and what stands behind them. After a single evaluation (no adapter
/// came) what would compare two is left out.
/// *Errors*: train.no_talk where the folder has none.
result<void> add_learning(const std::string& folder, measures& out);

/// Draws it over time: each request passed or not, scores, swaps, and the loss of the training
/// (`adapters/curve.csv`). A folder without a talk: the losses of `curve.csv` over the steps.
/// path ends in .svg or .png. *Errors*: train.curve (nothing to draw), those of the canvas.
result<void> draw_learning(const std::string& folder, const std::string& path);

}  // namespace hocket::report
