#include "actors/governance/card.hpp"

#include <ctime>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "engine/language/files/strict_json.hpp"

namespace hocket::governance {
namespace {

using nlohmann::json;

constexpr std::string_view written_by = "Written by Hocket; nobody edited it.";

std::string& revision_here() {
  static std::string it = "unknown";
  return it;
}

/// A value in a table of Markdown: one line, without what ends a cell.
std::string cell(const json& v) {
  auto text =
      v.is_string() ? v.get<std::string>() : v.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '<' || c == '`' || c == '*' || c == '[') out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

json at(const json& card, const char* a, const char* b) {
  if (!card.is_object() || !card.contains(a) || !card[a].is_object()) return "";
  return card[a].value(b, json(""));
}

}  // namespace

std::string utc_now() {
  const auto now = std::time(nullptr);
  std::tm at{};
  gmtime_r(&now, &at);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &at)};
}

void set_revision(std::string revision) { revision_here() = std::move(revision); }
const std::string& revision() { return revision_here(); }

json make_card(const card_facts& f) {
  const auto config = language::strict_json(f.adapter_config, "adapter_config.json");
  auto sources = json::array();
  std::int64_t examples = 0;
  for (const auto& d : f.data) {
    sources.push_back(
        {{"provenance", d.provenance}, {"examples", d.examples}, {"sha256", d.sha256}});
    examples += d.examples;
  }
  return {{"card", 1},
          {"name", f.name},
          {"created", utc_now()},
          {"parent", f.parent},
          {"base_model", {{"name", f.base_model}, {"sha256", f.base_sha256}}},
          {"weights", {{"sha256", f.weights_sha256}, {"bytes", f.weights_bytes}}},
          {"adapter_config", config ? *config : json::object()},
          {"data",
           {{"examples", examples},
            {"tokens", f.tokens},
            {"sources", sources},
            {"source", f.source},
            {"licence", f.licence},
            {"consent", f.consent}}},
          {"recipe", f.recipe},
          {"code_revision", revision()},
          {"evaluations", f.evaluations.is_array() ? f.evaluations : json::array()},
          {"exports", json::array()},
          {"constraints", f.constraints}};
}

result<void> check_card_place(const trust::folder& folder, const std::string& adapter) {
  constexpr std::uint64_t most = 16u << 20;
  const auto not_ours = [&](const char* name, const std::string& what) {
    return fail("governance.not_ours",
                fmt::format("{}/{} is there and {}: it would be replaced; give another folder",
                            folder.path(), name, what));
  };
  std::error_code failed;
  const auto is_there = [&](const char* name) {
    return std::filesystem::exists(std::filesystem::path(folder.path()) / name, failed);
  };
  if (is_there("README.md")) {
    const auto text = folder.read("README.md", most);
    if (!text || text->find(written_by) == text->npos)
      return not_ours("README.md", "was not written by Hocket");
  }
  if (is_there("card.json")) {
    const auto text = folder.read("card.json", most);
    const auto card = text ? language::strict_json(*text, "card.json") : result<json>(fail(text));
    if (!card || !card->is_object() || card->value("name", json()) != json(adapter))
      return not_ours("card.json", fmt::format("is not the card of `{}`", adapter));
  }
  return {};
}

std::string markdown_of(const json& card) {
  std::string out = fmt::format("---\nbase_model: {}\nlibrary_name: peft\nlicense: {}\n---\n",
                                json(at(card, "base_model", "name")).dump(),
                                json(at(card, "data", "licence")).dump());
  out += fmt::format("# {}\nA low-rank adapter. {}\n\n", cell(card.value("name", json(""))),
                     written_by);
  out += "| what | value |\n|---|---|\n";
  const auto row = [&](const char* what, const json& v) {
    out += fmt::format("| {} | {} |\n", what, cell(v));
  };
  row("made", card.value("created", json("")));
  row("base model", at(card, "base_model", "name"));
  row("SHA-256 of the base model", at(card, "base_model", "sha256"));
  row("SHA-256 of the weights", at(card, "weights", "sha256"));
  row("parent", card.value("parent", json("")));
  row("examples", at(card, "data", "examples"));
  row("source of the data", at(card, "data", "source"));
  row("licence of the data", at(card, "data", "licence"));
  row("consent class", at(card, "data", "consent"));
  row("recipe", card.value("recipe", json::object()));
  row("code revision", card.value("code_revision", json("")));
  row("constraints", card.value("constraints", json::array()));
  for (const auto& d : at(card, "data", "sources")) row("data", d);
  for (const auto& e : card.value("evaluations", json::array())) row("evaluation", e);
  for (const auto& e : card.value("exports", json::array())) row("export", e);
  for (const auto& e : card.value("incidents", json::array())) row("incident", e);
  return out;
}

}  // namespace hocket::governance
