#include "engine/language/generation/chat_model.hpp"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "engine/language/files/gguf.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/strict_json.hpp"
#include "engine/language/network/open.hpp"

namespace hocket::language {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
constexpr std::size_t small_file_bytes = 64u << 20;

template <class T>
auto fail_in(const std::string& path, const result<T>& failed) {
  const auto& e = failed.error();
  return fail(e.code, e.message.starts_with(path) ? e.message : path + ": " + e.message);
}

/// The template read, and its markup counted among the control tokens.
result<chat_words> with_template(tokenizer tokens, std::string source, const std::string& path) {
  chat_words words{std::move(tokens), {}, std::move(source), path, "", ""};
  if (words.template_source.empty()) return words;
  auto layout = chat_template::parse(words.template_source);
  if (!layout) return fail_in(path, layout);
  words.layout = std::move(*layout);
  words.tokens.guard_markup_of(words.template_source);
  return words;
}

std::string name_of(const tokenizer& tokens, std::optional<std::int64_t> id) {
  const auto& all = tokens.rules().tokens;
  if (!id || *id < 0 || *id >= static_cast<std::int64_t>(all.size())) return "";
  return all[static_cast<std::size_t>(*id)].bytes;
}

result<chat_words> words_of_gguf(const std::string& path) {
  const auto file = gguf_file::open(path);
  if (!file) return fail_in(path, file);
  auto tokens = tokenizer::from_gguf(*file);
  if (!tokens) return fail_in(path, tokens);
  const std::string source(file->text("tokenizer.chat_template").value_or(""));
  auto words = with_template(std::move(*tokens), source, path);
  if (!words) return words;
  words->begin_text = name_of(words->tokens, file->integer("tokenizer.ggml.bos_token_id"));
  words->end_text = name_of(words->tokens, file->integer("tokenizer.ggml.eos_token_id"));
  return words;
}

/// A small JSON file of a model folder; null where there is none.
result<json> optional_json(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return json();
  const auto text = read_text(path, small_file_bytes);
  if (!text) return fail_in(path, text);
  auto value = strict_json(plain_json(*text), path);
  if (!value) return fail(value);
  return std::move(*value);
}

/// A token's text: a string, or an object with `content`.
std::string token_text(const json& config, const char* key) {
  if (!config.is_object() || !config.contains(key)) return "";
  const auto& v = config[key];
  if (v.is_string()) return v.get<std::string>();
  return v.is_object() && v.contains("content") && v["content"].is_string()
             ? v["content"].get<std::string>()
             : std::string();
}

/// A template in tokenizer_config.json: one text, or a list of which `default` is meant.
std::string template_text(const json& config) {
  if (!config.is_object() || !config.contains("chat_template")) return "";
  const auto& v = config["chat_template"];
  if (v.is_string()) return v.get<std::string>();
  if (v.is_array())
    for (const auto& one : v)
      if (token_text(one, "name") == "default") return token_text(one, "template");
  return "";
}

/// Ids that end a turn, as generation_config.json or config.json list them.
void add_ends(const json& config, tokenizer_rules& rules) {
  if (!config.is_object() || !config.contains("eos_token_id")) return;
  const auto& v = config["eos_token_id"];
  for (const auto& one : v.is_array() ? v : json::array({v}))
    if (one.is_number_unsigned() && one.get<std::uint64_t>() < rules.tokens.size())
      rules.ends.push_back(static_cast<token_id>(one.get<std::uint64_t>()));
}

result<chat_words> words_of_folder(const std::string& folder) {
  const auto path = folder + "/tokenizer.json";
  const auto text = read_text(path, small_file_bytes);
  if (!text) return fail_in(path, text);
  const auto config = optional_json(folder + "/tokenizer_config.json");
  const auto generation = optional_json(folder + "/generation_config.json");
  const auto network = optional_json(folder + "/config.json");
  for (const auto* each : {&config, &generation, &network})
    if (!*each) return fail(*each);
  const auto end_text = token_text(*config, "eos_token");
  const auto tokens = tokenizer::from_json(*text, path, {end_text});
  if (!tokens) return fail(tokens);
  auto rules = tokens->rules();
  add_ends(*generation, rules);
  add_ends(*network, rules);
  auto source = template_text(*config);
  const auto alone = folder + "/chat_template.jinja";
  auto from = folder + "/tokenizer_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(alone, ignored)) {
    const auto read = read_text(alone, small_file_bytes);
    if (!read) return fail_in(alone, read);
    source = *read, from = alone;
  }
  auto words = with_template(tokenizer(std::move(rules)), std::move(source), from);
  if (!words) return words;
  words->begin_text = token_text(*config, "bos_token");
  words->end_text = end_text;
  return words;
}

/// Every text in a value, keys included, so that no control token comes out of it.
ordered_json guarded(const ordered_json& value, const tokenizer& tokens) {
  if (value.is_string()) return tokens.guard(value.get<std::string>());
  if (value.is_array()) {
    auto out = ordered_json::array();
    for (const auto& one : value) out.push_back(guarded(one, tokens));
    return out;
  }
  if (!value.is_object()) return value;
  auto out = ordered_json::object();
  for (const auto& [key, one] : value.items()) out[tokens.guard(key)] = guarded(one, tokens);
  return out;
}

}  // namespace

result<chat_words> open_chat_words(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? words_of_folder(path) : words_of_gguf(path);
}

result<std::shared_ptr<const chat_model>> chat_model::open(const std::string& path,
                                                           std::int64_t context) {
  auto network = open_language_model(path, context, block_types::rounded);
  if (!network) return fail(network);
  auto words = open_chat_words(path);
  if (!words) return fail(words);
  const auto scores = static_cast<std::size_t>((*network)->config().vocabulary);
  if (words->tokens.size() > scores)
    return fail("model.vocabulary", path + ": the tokenizer has " +
                                        std::to_string(words->tokens.size()) +
                                        " tokens, the network " + std::to_string(scores));
  return std::shared_ptr<const chat_model>(new chat_model(std::move(*network), std::move(*words)));
}

result<std::vector<token_id>> prompt_of(const chat_words& words, const ordered_json& messages,
                                        const ordered_json& tools, std::time_t now) {
  if (!words.layout)
    return fail("model.no_template", "the model has no chat template: it continues texts only");
  ordered_json variables{{"messages", guarded(messages, words.tokens)},
                         {"add_generation_prompt", true},
                         {"bos_token", words.begin_text},
                         {"eos_token", words.end_text}};
  if (!tools.is_null()) variables["tools"] = guarded(tools, words.tokens);
  const auto text = words.layout->render(variables, now);
  if (!text) return fail_in(words.template_file, text);
  return words.tokens.encode_prompt(*text);
}

result<std::vector<token_id>> chat_model::prompt(const ordered_json& messages,
                                                 const ordered_json& tools, std::time_t now) const {
  return prompt_of(words_, messages, tools, now);
}

result<std::vector<token_id>> chat_model::text_prompt(std::string_view text) const {
  auto ids = tokens().encode(text);
  if (!ids) return ids;
  const auto& rules = tokens().rules();
  if (rules.begin != no_token && (rules.adds_begin || ids->empty()))
    ids->insert(ids->begin(), rules.begin);
  return ids;
}

}  // namespace hocket::language
