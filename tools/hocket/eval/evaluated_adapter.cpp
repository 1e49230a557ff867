#include "tools/hocket/eval/evaluated_adapter.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"
#include "actors/http/digest.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

}  // namespace

result<void> note_evaluation(const std::string& folder, const adapter& of,
                             const std::string& ledger, const std::string& what,
                             const std::map<std::string, double>& scores) {
  if (!ledger.empty()) {
    auto records = governance::records::open(ledger);
    if (!records) return fail(records);
    const auto bytes = of.weights.as<char>();
    const auto sum = http::sha256_hex({bytes.data(), bytes.size()});
    const auto known = records->weights_by_name();
    if (!known) return fail(known);
    const auto at = known->find(of.name);
    if (at == known->end() || at->second != sum)
      return fail("governance.no_card",
                  ledger + ": it knows no adapter `" + of.name + "` of the weights in " + folder);
    HOCKET_TRY(records->add_evaluation(of.name, what, scores, sum));
  }
  if (!fs::exists(folder + "/card.json")) return {};
  auto card = json::parse(of.card_json);
  card["evaluations"].push_back(
      {{"what", what}, {"at", governance::utc_now()}, {"scores", scores}});
  HOCKET_TRY(trust::write_file(folder + "/card.json", card.dump(2) + "\n"));
  return trust::write_file(folder + "/README.md", governance::markdown_of(card));
}

}  // namespace hocket::cli
