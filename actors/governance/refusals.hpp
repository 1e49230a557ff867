// What the gates refuse, and what helps: the one list of it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hocket::governance {

/// Why a gate lets an adapter not through.
enum class refusal {
  no_card,
  erased_card,
  other_weights,
  no_score,
  low_score,
  not_compared,
  got_worse,
  licence,
  consent,
  other_base,
  incident,
};

struct refusal_line {
  refusal what;
  std::string_view name;    ///< in the ledger and in `hocket audit refused --json`
  std::string_view when;    ///< for people
  std::string_view rule;    ///< of the policy file; empty: whatever the policy says
  std::string_view remedy;  ///< beside an override
  bool may_be_overridden = true;
};

/// Every refusal once, in the order in which a gate looks.
std::span<const refusal_line> refusals();
const refusal_line& line_of(refusal r);

/// The table of `docs/refusals.md`.
std::string refusals_as_markdown();

}  // namespace hocket::governance
