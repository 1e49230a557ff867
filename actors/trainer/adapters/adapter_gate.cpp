#include "actors/trainer/adapters/adapter_gate.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "actors/governance/ledger_file.hpp"
#include "actors/http/digest.hpp"
#include "actors/trainer/adapters/model_sum.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

std::string text_at(const json& j, const char* key) {
  const auto v = j.is_object() ? j.value(key, json()) : json();
  return v.is_string() ? v.get<std::string>() : "";
}

}  // namespace

void adapter_gate::config::visit(config_visitor& v) {
  v.field({.name = "ledger",
           .doc = "where the gates of its adapters are recorded and incidents are looked for, such "
                  "as governance.db; empty: nowhere",
           .is_output = true},
          ledger);
  v.field({.name = "gates",
           .doc = "with a ledger: what must hold before an adapter is read through "
                  "(`actors/governance`)",
           .is_path = true},
          gates);
}

result<std::shared_ptr<const adapter_gate>> adapter_gate::open(const config& c,
                                                               const context& where,
                                                               std::string model) {
  std::shared_ptr<adapter_gate> made(new adapter_gate(std::move(model)));
  if (c.ledger.empty()) {
    if (c.gates.empty()) return std::shared_ptr<const adapter_gate>(std::move(made));
    return fail("adapter.no_ledger", "`gates` needs a `ledger` to judge by and to record in");
  }
  auto policy = c.gates;
  if (!policy.empty() && where.may) {
    auto may = where.may->readable(policy);
    if (!may) return fail(may);
    policy = std::move(*may);
  }
  // One for all conversations: an incident concerns them all.
  const auto path = governance::ledger_file(*capability_of(where), c.ledger);
  if (!path) return fail(path);
  auto book = governance::process_book::sharing(*path, policy);
  if (!book) return fail(book);
  made->book_ = std::move(*book);
  return std::shared_ptr<const adapter_gate>(std::move(made));
}

result<void> adapter_gate::pass(std::initializer_list<governance::gate> gates,
                                const adapter& a) const {
  if (!book_ || a.weights.empty()) return {};
  // No incident could name it.
  if (a.name.empty())
    return fail("adapter.no_name", "an adapter without a name passes no gate: its card has one");
  const auto card = language::strict_json(a.card_json, "card");  // a peer's, as deep as it likes
  const auto base = card && card->is_object() ? card->value("base_model", json()) : json();
  governance::loaded_on on{.sha256 = {}, .named = text_at(base, "sha256")};
  if (!model_.empty()) {
    auto is = model_sha256(model_);
    if (!is) return fail(is);
    on.sha256 = std::move(*is);
  }
  const auto bytes = a.weights.as<char>();
  const auto sum = http::sha256_hex({bytes.data(), bytes.size()});
  for (const auto g : gates) HOCKET_TRY(book_->pass(g, a.name, sum, on));
  return {};
}

bool adapter_gate::is_frozen(const adapter& a) const {
  return book_ && !a.name.empty() && book_->is_frozen(a.name);
}

}  // namespace hocket::trainer
