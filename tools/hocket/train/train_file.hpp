#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/core/diagnostic.hpp"
#include "tools/hocket/train/train_loop.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::cli {

/// An adapter in place of the whole model.
struct adapter_plan {
  std::string name = "adapter";  ///< for its card
  std::int64_t rank = 8;
  double alpha = 16, rate = 1e-3;      ///< rate: the highest, of AdamW
  std::string modules = "all-linear";  ///< or an expression for whole names
  std::string ledger;                  ///< where its card is recorded; empty: nowhere
};

/// What a training file says, beside what the engine needs.
struct train_plan {
  train_config engine;
  std::uint64_t data_seed = 1;
  double seconds = 15;
  std::vector<std::string> families;  ///< empty: all; a name that repeats is drawn more often
  scenarios::variety variety = scenarios::variety::plain;
  double slips =
      0.2;           ///< share of the model's phrases in which it says another word than it should
  double field = 0;  ///< share of conversations in the field (source_options)
  std::uint64_t field_ramp = 0;  ///< conversations over which it grows
  std::string bank;              ///< folder of the speech bank; empty: none
  std::string voice;             ///< folder of the model's own voice; empty: flite
  double eval_minutes = 15;
  std::int64_t eval_conversations = 32;
  std::optional<adapter_plan> adapter;  ///< none: the model itself learns
};

/// Reads configs/train/*.yaml. All findings are collected; the plan is usable when there are no
/// errors among them. *Errors*: train.file (cannot read), those of the YAML and config readers.
train_plan read_train_file(const std::string& path, diagnostics& findings);

}  // namespace hocket::cli
