// What a training run is watched by: held-out conversations in closed loop, as it goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/interaction/closed_loop.hpp"
#include "graph/core/result.hpp"
#include "tools/hocket/train/train_file.hpp"
#include "tools/scenarios/speech_bank.hpp"

namespace hocket::cli {

/// One row of eval.csv. Rates are 0 to 1; of the field -1 where the training has none.
struct eval_row {
  std::int64_t step = 0, conversations = 0;
  double recall = 0, recall_low = 0, recall_high = 0;           ///< as the model knew it before
  double precision = 0, precision_low = 0, precision_high = 0;  ///< the same
  double heard = 0;                                             ///< the person's words, the same
  double field_recall = -1, field_precision = -1, field_heard = -1;
  double other_talk_words_per_min = -1;  ///< said into talk that is not for the model

  static std::string header();
  std::string line() const;
};

/// Words that nobody asked for, per minute of the conversations.
double false_words_per_min(const engine::closed_loop_result& r);

/// The conversations are the same for every row: those of the training's families without the field, all
/// in the field, and `other_talk` alone; held-out voices, of the bank too. They are made at the first call,
/// which takes as long, and again for a model of other words (a warm start may bring some).
/// *Threads*: one.
class eval_on_the_way {
 public:
  /// `bank`: its held-out part, or none.
  eval_on_the_way(const train_plan& plan, std::shared_ptr<const scenarios::speech_bank> bank)
      : plan_(plan), bank_(std::move(bank)) {}

  /// Runs the model in `folder`, adds a row for `step` of this training to `<out>/eval.csv` and gives
  /// it. A file there with other columns is set aside as `eval.old.csv`.
  /// *Errors*: those of loading, of make_conversation, of run_closed_loop, train.io.
  result<eval_row> run(const std::string& folder, std::int64_t step);

 private:
  result<void> make(const engine::vocabulary& words);

  train_plan plan_;
  std::shared_ptr<const scenarios::speech_bank> bank_;
  std::vector<std::string> tokens_;  ///< that the scripts are written in
  std::vector<engine::script> before_, field_, other_talk_;
};

}  // namespace hocket::cli
