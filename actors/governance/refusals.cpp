#include "actors/governance/refusals.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace hocket::governance {
namespace {

using enum refusal;

constexpr refusal_line lines[] = {
    {no_card, "no_card", "the ledger has no card of that name", "`card`",
     "make it with a ledger, or register its card", false},
    {erased_card, "erased_card", "its card was erased with its tenant's data", "`card`",
     "train it anew", false},
    {other_weights, "other_weights", "its card is of other bytes than these", "`card`",
     "save it under another name", false},
    {no_score, "no_score", "no evaluation of these weights has a score that is asked for",
     "`scores`", "evaluate it"},
    {low_score, "low_score", "a score is lower than asked, or no number", "`scores`",
     "train it better"},
    {not_compared, "not_compared", "a score is missing here or in the parent", "`not_worse`",
     "evaluate both"},
    {got_worse, "got_worse", "a score is lower than the parent's, such as `refusals`",
     "`not_worse`", "train it better"},
    {licence, "licence", "the licence of its data is none of those that are allowed", "`licences`",
     "other data"},
    {consent, "consent", "the class of consent of its data is none of those that are allowed",
     "`consents`", "other data"},
    {other_base, "other_base", "it was made on another model (SHA-256) than it is to be loaded on",
     "", "serve its model"},
    {incident, "incident", "an incident is open", "", "`hocket incident close`", false},
};

}  // namespace

std::span<const refusal_line> refusals() { return lines; }

const refusal_line& line_of(refusal r) { return *std::ranges::find(lines, r, &refusal_line::what); }

std::string refusals_as_markdown() {
  std::string out =
      "| name | refused where | rule of the policy | what helps | an override, too |\n"
      "|---|---|---|---|---|\n";
  for (const auto& l : lines)
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} | {} |\n", l.name, l.when,
                   l.rule.empty() ? "none: always" : l.rule, l.remedy,
                   l.may_be_overridden ? "yes" : "no");
  return out;
}

}  // namespace hocket::governance
