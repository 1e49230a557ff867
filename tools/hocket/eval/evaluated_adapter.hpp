#pragma once

#include <map>
#include <string>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::cli {

/// Notes what was found of it: in the folder's card, where there is one, and in `ledger` (empty: nowhere).
/// *Errors*: ledger.*, governance.no_card (the ledger knows no adapter of these weights), files.*
result<void> note_evaluation(const std::string& folder, const adapter& of,
                             const std::string& ledger, const std::string& what,
                             const std::map<std::string, double>& scores);

}  // namespace hocket::cli
