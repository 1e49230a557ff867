#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/language/files/gguf.hpp"
#include "engine/language/files/safetensors.hpp"
#include "engine/language/files/strict_json.hpp"
#include "engine/language/generation/chat_model.hpp"
#include "engine/language/network/config.hpp"
#include "engine/language/network/gguf.hpp"
#include "engine/language/network/model.hpp"
#include "engine/language/packages/packages.hpp"
#include "tools/hocket/language/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/terminal.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using language::network_config;

/// What both kinds of files tell.
struct opened_files {
  std::string kind, architecture, name;
  std::vector<language::stored_weights> tensors;
  result<network_config> config = fail("model.unsupported", "not read");
  result<void> fits;  ///< the tensors to the config
};

result<opened_files> open_gguf(const std::string& path) {
  const auto file = language::gguf_file::open(path);
  if (!file) return fail(file);
  opened_files out;
  out.kind = fmt::format("GGUF version {}", file->version());
  out.architecture = file->text("general.architecture").value_or("not named");
  out.name = file->text("general.name").value_or("");
  out.tensors = file->tensors();
  out.config = language::read_network_config(*file);
  if (out.config)
    out.fits = language::language_model::check(*out.config, language::checkpoint_tensors(*file));
  return out;
}

result<opened_files> open_folder(const std::string& folder) {
  const auto text = language::read_text(folder + "/config.json", 16u << 20);
  if (!text) return fail(text);
  const auto one = folder + "/model.safetensors", index = one + ".index.json";
  std::error_code ignored;
  const auto files = language::safetensors_set::open(fs::exists(index, ignored) ? index : one);
  if (!files) return fail(files);
  opened_files out;
  out.kind = "safetensors";
  const auto parsed = json::parse(language::plain_json(*text), nullptr, false);
  if (parsed.is_object() && parsed.contains("model_type") && parsed["model_type"].is_string())
    out.architecture = parsed["model_type"].get<std::string>();
  for (const auto& t : files->tensors()) out.tensors.push_back(t);
  out.config = language::read_network_config(*text);
  if (out.config) out.fits = language::language_model::check(*out.config, out.tensors);
  return out;
}

json types_of(const std::vector<language::stored_weights>& tensors, std::int64_t& numbers,
              std::uint64_t& bytes) {
  struct share {
    std::int64_t tensors = 0, numbers = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, share> by_type;
  for (const auto& t : tensors) {
    auto& s = by_type[language::traits_of(t.type).name];
    ++s.tensors;
    s.numbers += t.elements();
    s.bytes += t.bytes.size();
    numbers += t.elements();
    bytes += t.bytes.size();
  }
  auto out = json::array();
  for (const auto& [name, s] : by_type)
    out.push_back(
        {{"type", name}, {"tensors", s.tensors}, {"numbers", s.numbers}, {"bytes", s.bytes}});
  return out;
}

json network_json(const network_config& c) {
  std::int64_t kv = 0, windows = 0, experts = 0, states = 0, state_bytes = 0;
  engine::attention_config first{.heads = 0, .kv_heads = 0};
  for (const auto& l : c.trunk.layers) {
    experts = std::max<std::int64_t>(experts, l.feed_forward.experts.count);
    if (l.mixer == engine::mixer_kind::state_space)
      ++states, state_bytes += l.state_space.state_size() * 4;
    if (l.mixer != engine::mixer_kind::attention) continue;
    if (first.heads == 0) first = l.attention;
    kv += (l.attention.key_width() + l.attention.value_width()) * 4;
    windows += l.attention.window > 0 ? 1 : 0;
  }
  return {{"family", c.family},           {"layers", c.trunk.layers.size()},
          {"width", c.trunk.width},       {"heads", first.heads},
          {"kv_heads", first.kv_heads},   {"layers_with_window", windows},
          {"experts", experts},           {"vocabulary", c.vocabulary},
          {"context", c.trunk.context},   {"tied_head", c.tied},
          {"memory_bytes_per_token", kv}, {"state_layers", states},
          {"state_bytes", state_bytes}};
}

json words_json(const language::chat_words& w) {
  auto ends = json::array();
  for (const auto id : w.tokens.rules().ends)
    ends.push_back(w.tokens.rules().tokens[static_cast<std::size_t>(id)].bytes);
  int control = 0;
  for (std::size_t i = 0; i < w.tokens.size(); ++i)
    control += w.tokens.is_control(static_cast<language::token_id>(i)) ? 1 : 0;
  return {{"tokens", w.tokens.size()},
          {"control_tokens", control},
          {"kind", w.tokens.rules().byte_level ? "byte-level BPE" : "SentencePiece BPE"},
          {"ends_a_turn", ends},
          {"chat_template", w.layout.has_value()},
          {"template_takes_tools", w.template_source.find("tools") != std::string::npos}};
}

std::string joined(const json& list) {
  std::string out;
  for (const auto& one : list)
    out += (out.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : one.dump());
  return out;
}

void print(const json& info) {
  say("{}\n  {}, architecture {}{}\n", info["path"].get<std::string>(),
      info["kind"].get<std::string>(), info["architecture"].get<std::string>(),
      info["name"].get<std::string>().empty() ? ""
                                              : ", \"" + info["name"].get<std::string>() + "\"");
  say("  {} numbers in {} tensors, {} B\n", short_count(info["numbers"].get<double>()),
      info["tensors"].get<int>(), short_count(info["bytes"].get<double>()));
  for (const auto& t : info["types"])
    say("    {:<6} {:>5} tensors, {} numbers, {} B\n", t["type"].get<std::string>(),
        t["tensors"].get<int>(), short_count(t["numbers"].get<double>()),
        short_count(t["bytes"].get<double>()));
  if (const auto& n = info["network"]; n.is_object()) {
    say("  {}: {} layers of width {}, {} heads ({} for keys), vocabulary {}, context {}\n",
        n["family"].get<std::string>(), n["layers"].get<int>(), n["width"].get<int>(),
        n["heads"].get<int>(), n["kv_heads"].get<int>(), n["vocabulary"].get<int>(),
        n["context"].get<std::int64_t>());
    if (n["experts"].get<int>() > 0) say("  up to {} experts a layer\n", n["experts"].get<int>());
    say("  {} B of memory per token of a talk\n",
        short_count(n["memory_bytes_per_token"].get<double>()));
    if (n["state_layers"].get<int>() > 0)
      say("  {} layers of state spaces, {} B of states, up to three times that in a talk\n",
          n["state_layers"].get<int>(), short_count(n["state_bytes"].get<double>()));
  }
  if (const auto& w = info["words"]; w.is_object())
    say("  {}, {} tokens, {} of them control; a turn ends with {}; chat template: {}{}\n",
        w["kind"].get<std::string>(), w["tokens"].get<int>(), w["control_tokens"].get<int>(),
        joined(w["ends_a_turn"]), w["chat_template"].get<bool>() ? "yes" : "no",
        w["template_takes_tools"].get<bool>() ? ", takes tools" : "");
  if (info["problems"].empty())
    say("  runs here: hocket chat {}\n", info["path"].get<std::string>());
  for (const auto& p : info["problems"]) say("  does not run here: {}\n", p.get<std::string>());
}

}  // namespace

int run_model_info(const model_info_options& o) {
  const auto path = language::find_model(o.model);
  if (!path) return complain(path.error(), exit_bad_input);
  std::error_code ignored;
  const auto files = fs::is_directory(*path, ignored) ? open_folder(*path) : open_gguf(*path);
  if (!files) return complain(files.error(), exit_bad_input);
  json info{{"path", *path},
            {"kind", files->kind},
            {"architecture", files->architecture},
            {"name", files->name}};
  std::int64_t numbers = 0;
  std::uint64_t bytes = 0;
  auto types = types_of(files->tensors, numbers, bytes);
  info["tensors"] = files->tensors.size();
  info["numbers"] = numbers;
  info["bytes"] = bytes;
  info["types"] = std::move(types);
  auto problems = json::array();
  if (files->config)
    info["network"] = network_json(*files->config);
  else
    info["network"] = nullptr, problems.push_back(files->config.error().message);
  if (!files->fits) problems.push_back(files->fits.error().message);
  if (const auto words = language::open_chat_words(*path))
    info["words"] = words_json(*words);
  else
    info["words"] = nullptr, problems.push_back(words.error().message);
  info["problems"] = problems;
  if (o.json)
    say("{}\n", info.dump(2, ' ', false, json::error_handler_t::replace));
  else
    print(info);
  return problems.empty() ? exit_fine : exit_bad_input;
}

}  // namespace hocket::cli
