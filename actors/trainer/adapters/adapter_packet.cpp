#include "actors/trainer/adapters/adapter_packet.hpp"

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/strict_json.hpp"

namespace hocket::trainer {
namespace {

using json = nlohmann::ordered_json;  // the order of patterns counts
namespace fs = std::filesystem;

constexpr std::size_t most_card_bytes = 16u << 20, most_weight_bytes = std::size_t{8} << 30;

result<json> load_json(const std::string& path) {
  const auto text = language::read_text(path, most_card_bytes);
  if (!text) return fail(text);
  return language::strict_ordered_json(*text, path);
}

/// Nothing where it is no JSON: a peer may have sent it, as deep as it likes.
json card_of(const adapter& a) {
  auto card = language::strict_ordered_json(a.card_json, "card");
  return card ? std::move(*card) : json();
}

}  // namespace

result<adapter> read_adapter_folder(const std::string& folder) {
  const auto config = load_json(folder + "/adapter_config.json");
  if (!config) return fail(config);
  const auto weights =
      language::read_text(folder + "/adapter_model.safetensors", most_weight_bytes);
  if (!weights) return fail(weights);
  auto path = fs::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  json card{{"name", path.filename().string()}};
  if (fs::exists(folder + "/card.json")) {
    auto read = load_json(folder + "/card.json");
    if (!read) return fail(read);
    if (!read->is_object() || !read->value("name", json()).is_string())
      return fail("adapter.bad_card", folder + "/card.json: it is no card of an adapter");
    card = std::move(*read);
  }
  card["adapter_config"] = *config;
  return adapter{card["name"], card.dump(),
                 buffer::take(std::vector<char>(weights->begin(), weights->end()))};
}

std::string peft_config_of(const adapter& a) {
  const auto card = card_of(a);
  return card.is_object() && card.contains("adapter_config") ? card["adapter_config"].dump() : "";
}

bool is_same(const adapter& a, const adapter& b) {
  return a.name == b.name && a.card_json == b.card_json;
}

adapter without_weights(const adapter& a) { return {a.name, a.card_json, {}}; }

bool is_frozen(const adapter& a) {
  const auto card = card_of(a);
  return card.is_object() && card.value("frozen", json()) == true;
}

}  // namespace hocket::trainer
