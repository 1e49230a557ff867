// hocket card: what is known of an adapter; its export; overrides of gates.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"
#include "actors/http/digest.hpp"
#include "graph/payloads/json_text.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/govern/commands.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

using governance::records;
using nlohmann::json;

int code_of_error(const error& e) {
  return e.code == "governance.no_card" || e.code == "governance.no_such_gate" ||
                 e.code == "governance.no_reason" || e.code == "governance.bad_policy" ||
                 e.code == "ledger.cannot_open"
             ? exit_bad_input
             : exit_failed;
}

int show(const json& card, const govern_options& o) {
  if (o.markdown)
    say("{}", governance::markdown_of(card));
  else
    say("{}\n", card.dump(2, ' ', false, json::error_handler_t::replace));
  return exit_fine;
}

/// The card that lies beside an adapter's files.
int show_folder(const govern_options& o) {
  const auto folder = trust::folder::open(o.name);
  const auto text =
      folder ? folder->read("card.json", 16u << 20) : result<std::string>(fail(folder));
  if (!text) return tell(text.error(), exit_bad_input);
  // It may be a stranger's: what is copied here has a bound of levels.
  const auto card = payloads::parse_json(*text, 16u << 20, 64);
  if (!card)
    return tell({"governance.no_card", o.name + "/card.json: " + card.error().message},
                exit_bad_input);
  if (!card->is_object())
    return tell({"governance.no_card", o.name + "/card.json is no card"}, exit_bad_input);
  return show(*card, o);
}

/// Weights as the card names them, with the card.
int export_adapter(records& r, const govern_options& o) {
  const auto card = r.card(o.name);
  if (!card) return tell(card.error(), code_of_error(card.error()));
  const auto from = trust::folder::open(o.from);
  if (!from) return tell(from.error(), exit_bad_input);
  const auto config = from->read("adapter_config.json", 16u << 20);
  if (!config) return tell(config.error(), exit_bad_input);
  const auto weights = from->read("adapter_model.safetensors", std::uint64_t{8} << 30);
  if (!weights) return tell(weights.error(), exit_bad_input);
  const auto named = card->value("weights", json::object()).value("sha256", json(""));
  if (named != http::sha256_hex(*weights))
    return tell(
        {"governance.other_weights", o.from + ": these are not the weights of `" + o.name + "`"},
        exit_bad_input);
  const auto v = r.may(governance::gate::exported, o.name);
  if (!v) return tell(v.error(), exit_failed);
  if (!v->passed)
    return tell({"governance.refused",
                 fmt::format("`{}` is not exported: {}", o.name, fmt::join(v->why, "; "))},
                exit_failed);
  const auto to = trust::folder::open(o.to);
  if (!to) return tell(to.error(), exit_failed);
  if (const auto free = governance::check_card_place(*to, o.name); !free)
    return tell(free.error(), exit_bad_input);
  if (const auto told = r.add_export(o.name, o.to); !told) return tell(told.error(), exit_failed);
  const auto final_card = r.card(o.name);
  if (!final_card) return tell(final_card.error(), exit_failed);
  for (const auto& [name, text] :
       {std::pair<const char*, std::string>{"adapter_config.json", *config},
        {"adapter_model.safetensors", *weights},
        {"card.json", final_card->dump(2) + "\n"},
        {"README.md", governance::markdown_of(*final_card)}})
    if (const auto done = to->write(name, text); !done) return tell(done.error(), exit_failed);
  say("{}: adapter_config.json, adapter_model.safetensors, card.json, README.md\n", o.to);
  return exit_fine;
}

}  // namespace

std::string ledger_path(const govern_options& o) {
  if (!o.ledger.empty()) return o.ledger;
  const char* variable = std::getenv("HOCKET_LEDGER");
  return variable != nullptr && *variable != '\0' ? variable : "out/governance.db";
}

int run_card(const govern_options& o) {
  std::error_code failed;
  if (!o.name.empty() && o.to.empty() && o.gate.empty() &&
      std::filesystem::is_directory(o.name, failed))
    return show_folder(o);
  auto rules = governance::read_policy(o.policy);
  if (!rules) return tell(rules.error(), exit_bad_input);
  auto in = governance::ledger::open(ledger_path(o), false);
  if (!in) return tell(in.error(), code_of_error(in.error()));
  records r(std::move(*in), std::move(*rules));
  if (o.name.empty()) {
    const auto names = r.names();
    if (o.json)
      say("{}\n", json(names).dump());
    else
      for (const auto& n : names) say("{}\n", n);
    return exit_fine;
  }
  if (!o.gate.empty()) {
    const auto g = governance::gate_of(o.gate);
    if (!g) return tell(g.error(), exit_bad_input);
    if (const auto known = r.card(o.name); !known)
      return tell(known.error(), code_of_error(known.error()));
    const auto done = r.add_override(o.name, *g, o.reason);
    if (!done) return tell(done.error(), code_of_error(done.error()));
    say("`{}` passes the gate {} with its present weights; recorded\n", o.name, o.gate);
    return exit_fine;
  }
  if (!o.to.empty()) {
    if (o.from.empty())
      return tell(
          {"governance.no_files", "--export needs --from, the folder of the adapter's files"},
          exit_bad_input);
    return export_adapter(r, o);
  }
  const auto card = r.card(o.name);
  if (!card) return tell(card.error(), code_of_error(card.error()));
  return show(*card, o);
}

}  // namespace hocket::cli
