#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// The card of an adapter into a ledger, with the score `validation`: by how much the loss of held examples
/// fell, where that was measured. A gate asks for `validation >= 0`. No ledger (""): nothing is done.
/// *Errors*: ledger.*, governance.bad_score.
result<void> record_card(const std::string& ledger, const nlohmann::json& card,
                         std::optional<double> fell);
/// Whether that can be done, for who asks before hours of training.
result<void> check_ledger(const std::string& ledger);

}  // namespace hocket::cli
