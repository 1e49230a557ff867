#include "tools/hocket/train/card_record.hpp"

#include "actors/governance/records.hpp"

namespace hocket::cli {

result<void> record_card(const std::string& ledger, const nlohmann::json& card,
                         std::optional<double> fell) {
  if (ledger.empty()) return {};
  auto records = governance::records::open(ledger);
  if (!records) return fail(records);
  HOCKET_TRY(records->add_card(card));
  if (!fell) return {};
  return records->add_evaluation(card.at("name"), "validation", {{"validation", *fell}});
}

result<void> check_ledger(const std::string& ledger) {
  if (ledger.empty()) return {};
  const auto records = governance::records::open(ledger);
  return records ? result<void>() : fail(records);
}

}  // namespace hocket::cli
