// The tokenizer of a GGUF file in the form of PyPI `tokenizers`.
#include <algorithm>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "engine/language/tokenizer/tokenizer.hpp"

namespace hocket::language {
namespace {

using nlohmann::json;
constexpr std::string_view space_mark = "\xe2\x96\x81";
constexpr int text_type = 1, unknown_type = 2, control_type = 3, byte_type = 6;  // ggml's

struct vocabulary {
  std::vector<std::string> texts;
  std::vector<int> types;
  std::string text_at(std::optional<std::int64_t> id) const {
    return id && *id >= 0 && *id < static_cast<std::int64_t>(texts.size())
               ? texts[static_cast<std::size_t>(*id)]
               : std::string();
  }
};

/// What from_gguf() has accepted.
vocabulary words_of(const gguf_file& file) {
  vocabulary out;
  const auto* types = file.numbers("tokenizer.ggml.token_type");
  for (const auto text : *file.texts("tokenizer.ggml.tokens")) {
    out.types.push_back(types ? static_cast<int>(types->integer_at(out.texts.size())) : text_type);
    out.texts.emplace_back(text);
  }
  return out;
}

json added_tokens(const vocabulary& v) {
  json all = json::array();
  for (std::size_t i = 0; i < v.texts.size(); ++i) {
    if (v.types[i] == text_type || v.types[i] == byte_type || v.texts[i].empty()) continue;
    all.push_back({{"id", i},
                   {"content", v.texts[i]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", v.types[i] == control_type || v.types[i] == unknown_type}});
  }
  return all;
}

json model_of(const vocabulary& v, json merges) {
  json words = json::object();
  for (std::size_t i = 0; i < v.texts.size(); ++i) words.emplace(v.texts[i], i);
  return {{"type", "BPE"},        {"dropout", nullptr},
          {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
          {"fuse_unk", false},    {"end_of_word_suffix", nullptr},
          {"vocab", words},       {"byte_fallback", false},
          {"merges", merges},     {"ignore_merges", false}};
}

json byte_level(const gguf_file& file, const vocabulary& v) {
  const auto pre = pre_tokenizer_named(*file.text("tokenizer.ggml.pre")).value();
  json merges = json::array();
  for (const auto merge : *file.texts("tokenizer.ggml.merges")) {
    const auto blank = merge.find(' ', 1);  // a part may begin with one
    merges.push_back({merge.substr(0, blank), merge.substr(blank + 1)});
  }
  json steps = json::array();
  for (const auto& e : pre.expressions)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", e}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  const auto bytes = [](bool regex) {
    return json{{"type", "ByteLevel"},
                {"add_prefix_space", false},
                {"trim_offsets", true},
                {"use_regex", regex}};
  };
  steps.push_back(bytes(false));
  auto model = model_of(v, std::move(merges));
  model["ignore_merges"] = pre.whole_words;
  return {{"normalizer", pre.composes ? json{{"type", "NFC"}} : json()},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
          {"decoder", bytes(true)},
          {"model", model}};
}

/// Joins by score as rules in the order of their scores: every way to cut a token into two.
json merges_of_scores(const gguf_file& file, const vocabulary& v) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < v.texts.size(); ++i)
    if (v.types[i] == text_type) ids.emplace(v.texts[i], i);
  struct rule {
    double score;
    std::size_t left, right;
  };
  std::vector<rule> rules;
  const auto* scores = file.numbers("tokenizer.ggml.scores");
  for (std::size_t i = 0; i < v.texts.size(); ++i) {
    if (v.types[i] != text_type) continue;
    const std::string_view text = v.texts[i];
    const auto first = rules.size();
    for (auto at = character_length(text.empty() ? ' ' : text[0]); at < text.size();
         at += character_length(text[at])) {
      const auto left = ids.find(text.substr(0, at)), right = ids.find(text.substr(at));
      if (left != ids.end() && right != ids.end())
        rules.push_back({scores->number_at(i), left->second, right->second});
    }
    std::sort(rules.begin() + static_cast<std::ptrdiff_t>(first), rules.end(),
              [](const auto& a, const auto& b) {
                return std::pair(a.left, a.right) < std::pair(b.left, b.right);
              });
  }
  std::stable_sort(rules.begin(), rules.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  json out = json::array();
  for (const auto& r : rules) out.push_back({v.texts[r.left], v.texts[r.right]});
  return out;
}

json sentencepiece(const gguf_file& file, const vocabulary& v) {
  const bool prefix = file.flag("tokenizer.ggml.add_space_prefix").value_or(true);
  json before = json::array(), back = json::array();
  const auto replace = [](std::string_view from, std::string_view to) {
    return json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  if (prefix) before.push_back({{"type", "Prepend"}, {"prepend", space_mark}});
  before.push_back(replace(" ", space_mark));
  back.push_back(replace(space_mark, " "));
  back.push_back({{"type", "ByteFallback"}});
  back.push_back({{"type", "Fuse"}});
  if (prefix) back.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  auto model = model_of(v, merges_of_scores(file, v));
  model["byte_fallback"] = true, model["fuse_unk"] = true;
  const auto unknown = v.text_at(file.integer("tokenizer.ggml.unknown_token_id"));
  if (!unknown.empty()) model["unk_token"] = unknown;
  return {{"normalizer", {{"type", "Sequence"}, {"normalizers", before}}},
          {"pre_tokenizer", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", back}}},
          {"model", model}};
}

/// The begin token in front of a text.
json begins_with(const std::string& token, std::int64_t id) {
  const json one{{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  const auto text = [](const char* name, int type) {
    return json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  return {
      {"type", "TemplateProcessing"},
      {"single", {one, text("A", 0)}},
      {"pair", {one, text("A", 0), text("B", 1)}},
      {"special_tokens",
       {{token, {{"id", token}, {"ids", json::array({id})}, {"tokens", json::array({token})}}}}}};
}

}  // namespace

result<std::string> tokenizer_json(const gguf_file& file) {
  const auto read = tokenizer::from_gguf(file);
  if (!read) return fail(read);
  const auto v = words_of(file);
  const auto kind = *file.text("tokenizer.ggml.model");
  if (kind != "gpt2" && kind != "llama")
    return fail("tokenizer.unsupported",
                "a tokenizer of kind gpt2 or llama can be written as JSON");
  auto out = kind == "gpt2" ? byte_level(file, v) : sentencepiece(file, v);
  out["version"] = "1.0";
  out["truncation"] = out["padding"] = out["post_processor"] = nullptr;
  out["added_tokens"] = added_tokens(v);
  const auto& rules = read->rules();
  if (rules.adds_begin && rules.begin != no_token)
    out["post_processor"] = begins_with(v.text_at(rules.begin), rules.begin);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hocket::language
