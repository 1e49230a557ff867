#pragma once

#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::cli {

/// The end of a run for a person: links with their drops by reason, budgets, restarts, counters,
/// and whether the accounting law holds.
std::string accounts_text(const host::snapshot& last);

/// The same as JSON text (one line): {"law_holds", "links", "budgets", "actors"}.
std::string accounts_json(const host::snapshot& last);

}  // namespace hocket::cli
