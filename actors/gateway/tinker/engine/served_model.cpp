#include "actors/gateway/tinker/engine/served_model.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/trainer/adapters/model_sum.hpp"
#include "engine/language/files/gguf.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/strict_json.hpp"
#include "engine/language/network/open.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

/// Nothing where it is no JSON. Values are copied below, so depth is bounded here.
json read_json(const std::string& path) {
  const auto text = language::read_text(path, 64u << 20);
  if (!text) return {};
  auto value = language::strict_json(language::plain_json(*text), path);
  return value ? std::move(*value) : json();
}

/// A token as configs name one: a text, or an object with its content.
std::string token_text(const json& config, const char* key) {
  const auto v = config.is_object() ? config.value(key, json()) : json();
  if (v.is_string()) return v;
  if (v.is_object() && v.value("content", json()).is_string()) return v["content"];
  return "";
}

void add_ends(const json& config, std::vector<std::int32_t>& ends) {
  const auto v = config.is_object() ? config.value("eos_token_id", json()) : json();
  for (const auto& id : v.is_array() ? v : json::array({v}))
    if (id.is_number_integer()) ends.push_back(id);
}

/// A name that changes with the files: FNV-1a of what describes them, three times over.
std::string revision_of(const std::string& path) {
  std::uint64_t h = 0xcbf29ce484222325u;
  const auto add = [&](const std::string& text) {
    for (const unsigned char c : text) h = (h ^ c) * 0x100000001b3u;
  };
  std::error_code failed;
  add(path);
  add(std::to_string(std::filesystem::last_write_time(path, failed).time_since_epoch().count()));
  const auto a = h;
  add("again");
  return fmt::format("{:016x}{:016x}{:08x}", a, h, static_cast<std::uint32_t>(h ^ a));
}

result<void> read_folder(served_model& m) {
  const auto tokenizer_config = read_json(m.folder + "/tokenizer_config.json");
  m.begin_text = token_text(tokenizer_config, "bos_token");
  m.end_text = token_text(tokenizer_config, "eos_token");
  add_ends(read_json(m.folder + "/config.json"), m.ends);
  add_ends(read_json(m.folder + "/generation_config.json"), m.ends);
  const auto file = m.folder + "/tokenizer.json";
  if (!std::filesystem::exists(file)) return {};
  const auto text = language::read_text(file, 256u << 20);
  if (!text) return fail(text);
  std::vector<std::string> end_tokens;
  if (!m.end_text.empty()) end_tokens.push_back(m.end_text);
  auto t = language::tokenizer::from_json(*text, file, end_tokens);
  if (!t) return fail(t);
  if (const auto id = t->find(m.end_text); !m.end_text.empty() && id) m.ends.push_back(*id);
  auto chat = language::read_text(m.folder + "/chat_template.jinja", 4u << 20);
  const auto own =
      tokenizer_config.is_object() ? tokenizer_config.value("chat_template", json()) : json();
  const std::string source = chat ? *chat : own.is_string() ? own.get<std::string>() : "";
  if (!source.empty()) {
    auto parsed = language::chat_template::parse(source);
    if (!parsed) return fail(parsed.error().code, m.folder + ": " + parsed.error().message);
    m.chat = std::make_shared<const language::chat_template>(std::move(*parsed));
    t->guard_markup_of(source);
  }
  m.tokenizer = std::make_shared<const language::tokenizer>(std::move(*t));
  return {};
}

/// What AutoTokenizer asks for. Of a kind of tokenizer that cannot be written so: nothing.
void make_files(const language::gguf_file& file, served_model& m) {
  auto words = language::tokenizer_json(file);
  if (!words) return;
  const auto token = [&](const char* key) -> json {
    const auto id = file.integer(key);
    const auto& all = *file.texts("tokenizer.ggml.tokens");
    if (!id || *id < 0 || *id >= static_cast<std::int64_t>(all.size())) return {};
    return std::string(all[static_cast<std::size_t>(*id)]);
  };
  json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"model_max_length", m.context()},
              {"clean_up_tokenization_spaces", false}};
  for (const auto& [name, key] : {std::pair{"bos_token", "tokenizer.ggml.bos_token_id"},
                                  {"eos_token", "tokenizer.ggml.eos_token_id"},
                                  {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                  {"pad_token", "tokenizer.ggml.padding_token_id"}})
    if (auto text = token(key); !text.is_null()) config[name] = std::move(text);
  if (const auto source = file.text("tokenizer.chat_template"))
    config["chat_template"] = std::string(*source);
  m.made_files["tokenizer.json"] = std::move(*words);
  m.made_files["tokenizer_config.json"] =
      config.dump(-1, ' ', false, json::error_handler_t::replace);
  m.made_files["config.json"] = json{
      {"model_type", std::string(file.text("general.architecture").value_or("llama"))},
      {"vocab_size", m.config.vocabulary},
      {"max_position_embeddings",
       m.context()}}.dump();
}

result<void> read_gguf(const std::string& path, served_model& m) {
  const auto file = language::gguf_file::open(path);
  if (!file) return fail(file);
  auto t = language::tokenizer::from_gguf(*file);
  if (!t) return fail(t);
  const auto& rules = t->rules();
  m.ends.assign(rules.ends.begin(), rules.ends.end());
  if (rules.begin != language::no_token) m.begin_text = std::string(t->bytes_of(rules.begin));
  if (!m.ends.empty()) m.end_text = std::string(t->bytes_of(m.ends.front()));
  if (const auto source = file->text("tokenizer.chat_template")) {
    if (auto parsed = language::chat_template::parse(*source)) {
      m.chat = std::make_shared<const language::chat_template>(std::move(*parsed));
      t->guard_markup_of(*source);
    }
  }
  m.tokenizer = std::make_shared<const language::tokenizer>(std::move(*t));
  make_files(*file, m);
  return {};
}

}  // namespace

bool served_model::has_name(const std::string& name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}
bool served_model::ends_with(std::int32_t token) const {
  return std::find(ends.begin(), ends.end(), token) != ends.end();
}
result<std::string> served_model::sha256() const {
  if (sum_elsewhere) return sum_elsewhere();
  auto sum = trainer::model_sha256(path);
  if (sum && trainer::model_stamp(path) != stamp)
    return fail("tinker.model_changed",
                path + ": it changed since the server opened it; start the server again");
  return sum;
}

namespace {

/// All but its weights.
result<void> describe(served_model& m, std::vector<std::string> names) {
  m.names = std::move(names);
  m.revision = revision_of(m.path);
  std::error_code failed;
  if (std::filesystem::is_directory(m.path, failed)) {
    m.folder = m.path;
    HOCKET_TRY(read_folder(m));
  } else {
    HOCKET_TRY(read_gguf(m.path, m));
  }
  std::sort(m.ends.begin(), m.ends.end());
  m.ends.erase(std::unique(m.ends.begin(), m.ends.end()), m.ends.end());
  return {};
}

}  // namespace

result<std::shared_ptr<const served_model>> open_served_model(const std::string& path,
                                                              std::vector<std::string> names,
                                                              std::int64_t context,
                                                              const std::string& precision) {
  auto m = std::make_shared<served_model>();
  m->path = path, m->stamp = trainer::model_stamp(path);
  auto model = language::open_language_model(path, context, language::block_types_of(precision));
  if (!model) return fail(model);
  m->model = std::move(*model);
  m->config = m->model->config();
  HOCKET_TRY(describe(*m, std::move(names)));
  return std::shared_ptr<const served_model>(std::move(m));
}

result<std::shared_ptr<served_model>> describe_served_model(const std::string& path,
                                                            std::vector<std::string> names,
                                                            std::int64_t context) {
  auto m = std::make_shared<served_model>();
  m->path = path;
  auto config = language::read_model_config(path, context);
  if (!config) return fail(config);
  m->config = std::move(*config);
  HOCKET_TRY(describe(*m, std::move(names)));
  return m;
}

}  // namespace hocket::tinker
