#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"
#include "engine/language/files/text_checks.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"

// The nodes of tokenizer.json (PyPI `tokenizers`) that the families use; any other is refused by
// its name, for a node that is passed over would change ids without a word.
namespace hocket::language {
namespace {

using nlohmann::json;
constexpr std::string_view space_mark = "\xe2\x96\x81";
constexpr const char* byte_level_expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::string text_of(const json& node, const char* key) {
  return node.is_object() && node.contains(key) && node[key].is_string()
             ? node[key].get<std::string>()
             : std::string();
}
bool flag_of(const json& node, const char* key, bool otherwise) {
  return node.is_object() && node.contains(key) && node[key].is_boolean() ? node[key].get<bool>()
                                                                          : otherwise;
}

class json_reader {
 public:
  json_reader(const json& file, std::string name) : file_(file), name_(std::move(name)) {}

  result<tokenizer_rules> read(const std::vector<std::string>& end_tokens) {
    if (!file_.is_object() || !file_.contains("model"))
      return fail("tokenizer.bad_file", name_ + ": has no model");
    HOCKET_TRY(each(member("normalizer"), "normalizers", &json_reader::normalizer));
    HOCKET_TRY(each(member("pre_tokenizer"), "pretokenizers", &json_reader::pre_tokenizer));
    HOCKET_TRY(vocabulary());
    HOCKET_TRY(merges());
    HOCKET_TRY(added_tokens());
    HOCKET_TRY(post_processor(member("post_processor")));
    auto splitter = pre_splitter::make(steps_);
    if (!splitter) return bad(splitter.error().message);
    rules_.splitter = std::move(*splitter);
    for (const auto& text : end_tokens)
      for (std::size_t i = 0; i < rules_.tokens.size(); ++i)
        if (rules_.tokens[i].kind == token_kind::control && rules_.tokens[i].bytes == text)
          rules_.ends.push_back(static_cast<token_id>(i));
    return std::move(rules_);
  }

 private:
  using step = result<void> (json_reader::*)(const json&);

  const json& member(const char* key) const {
    static const json none;
    return file_.contains(key) ? file_[key] : none;
  }
  tl::unexpected<error> bad(const std::string& what) const {
    return fail("tokenizer.bad_file", name_ + ": " + what);
  }
  tl::unexpected<error> unsupported(const std::string& where, const std::string& what,
                                    const std::string& known) const {
    return fail("tokenizer.unsupported",
                name_ + ": the " + where + " `" +
                    (is_plain_text(what) ? what.substr(0, 64) : std::string("?")) +
                    "` is not supported; those that are: " + known);
  }

  /// A node, or the nodes of a Sequence.
  result<void> each(const json& node, const char* list, step read) {
    if (node.is_null()) return {};
    if (text_of(node, "type") != "Sequence") return (this->*read)(node);
    if (!node.contains(list) || !node[list].is_array()) return bad("a Sequence without its list");
    for (const auto& one : node[list]) HOCKET_TRY((this->*read)(one));
    return {};
  }

  result<void> normalizer(const json& node) {
    const auto type = text_of(node, "type");
    if (type == "NFC") {
      rules_.composes = true;
      return {};
    }
    if (type == "Prepend" && text_of(node, "prepend") == space_mark) {
      rules_.space_prefix = tokenizer_rules::prefix::each;
      rules_.drops_prefix = true;
      return {};
    }
    if (type == "Replace" && node.contains("pattern") &&
        text_of(node["pattern"], "String") == " " && text_of(node, "content") == space_mark) {
      rules_.marks_spaces = true;
      return {};
    }
    return unsupported("normalizer", type, "NFC, Prepend and Replace of the blank, Sequence");
  }

  result<void> pre_tokenizer(const json& node) {
    const auto type = text_of(node, "type");
    if (type == "ByteLevel") {
      rules_.byte_level = true;
      if (flag_of(node, "add_prefix_space", true)) {
        if (!steps_.empty()) return unsupported("pre-tokenizer", "ByteLevel with a prefix", "none");
        rules_.space_prefix = tokenizer_rules::prefix::each;
      }
      if (flag_of(node, "use_regex", true)) steps_.push_back({byte_level_expression});
      return {};
    }
    if (type == "Digits") {
      steps_.push_back({flag_of(node, "individual_digits", false) ? "\\p{N}" : "\\p{N}+"});
      return {};
    }
    if (type == "Metaspace") return metaspace(node);
    if (type == "Split") return split(node);
    return unsupported("pre-tokenizer", type, "ByteLevel, Digits, Metaspace, Split, Sequence");
  }

  result<void> metaspace(const json& node) {
    if (text_of(node, "replacement") != space_mark)
      return unsupported("Metaspace", "replacement", std::string(space_mark));
    rules_.marks_spaces = true;
    const auto scheme = text_of(node, "prepend_scheme");
    using prefix = tokenizer_rules::prefix;
    rules_.space_prefix = scheme == "first"                         ? prefix::first
                          : scheme == "never"                       ? prefix::none
                          : flag_of(node, "add_prefix_space", true) ? prefix::each
                                                                    : prefix::none;
    rules_.drops_prefix = rules_.space_prefix != prefix::none;
    // Each mark begins a piece.
    if (flag_of(node, "split", true))
      steps_.push_back({std::string(space_mark) + "[^\xe2\x96\x81]*"});
    // A text that begins with a blank gets no second one.
    rules_.prefix_unless_blank = true;
    return {};
  }

  result<void> split(const json& node) {
    const auto behavior = text_of(node, "behavior");
    const bool invert = flag_of(node, "invert", false);
    if (!node.contains("pattern") || !node["pattern"].is_object())
      return bad("a Split without pattern");
    const auto& pattern = node["pattern"];
    if (pattern.contains("String")) {
      // Gemma: the blank, after every blank has become a mark: it never occurs.
      if (text_of(pattern, "String") == " " && rules_.marks_spaces) return {};
      return unsupported("Split by string", text_of(pattern, "String"), "the blank after Replace");
    }
    const auto expression = text_of(pattern, "Regex");
    if (expression.empty()) return bad("a Split without expression");
    if (behavior == "Isolated" && !invert)
      steps_.push_back({expression});
    else if (behavior == "Isolated" || (behavior == "Removed" && invert))
      steps_.push_back({expression, behavior == "Removed"});
    else
      return unsupported("behavior of Split", behavior, "Isolated, Removed with invert");
    return {};
  }

  result<void> vocabulary() {
    const auto& model = file_["model"];
    const auto type = text_of(model, "type");
    if (!(type.empty() || type == "BPE") || !model.contains("merges"))
      return unsupported("model", type, "BPE");
    for (const auto* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!text_of(model, key).empty()) return unsupported("key of the model", key, "none");
    if (model.contains("dropout") && model["dropout"].is_number() && model["dropout"] != 0.0)
      return unsupported("key of the model", "dropout", "none");
    if (!model.contains("vocab") || !model["vocab"].is_object())
      return bad("the model has no vocab");
    rules_.whole_words = flag_of(model, "ignore_merges", false);
    rules_.joins_unknown = flag_of(model, "fuse_unk", false);
    const bool byte_fallback = flag_of(model, "byte_fallback", false);
    for (const auto& [text, value] : model["vocab"].items()) {
      const auto id = id_of(value);
      if (id == no_token) return bad("an id of the vocab is no number below 4 million");
      auto& token = place(id);
      if (!token.bytes.empty()) return bad("id " + std::to_string(id) + " is there twice");
      token.bytes = text;
      token.kind = token_kind::text;
      if (const auto byte = byte_of_name(text); byte && byte_fallback) {
        token.bytes = std::string(1, *byte);
        token.kind = token_kind::byte;
        continue;
      }
      if (rules_.byte_level)
        if (const auto bytes = bytes_of_token(text)) token.bytes = *bytes;
      rules_.merges.tokens[token.bytes] = id;
      rules_.merges.longest = std::max(rules_.merges.longest, token.bytes.size());
    }
    if (const auto unknown = text_of(model, "unk_token"); !unknown.empty())
      if (const auto found = rules_.merges.tokens.find(unknown);
          found != rules_.merges.tokens.end())
        rules_.unknown = found->second;
    return {};
  }

  static token_id id_of(const json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= 4'000'000) return no_token;
    return static_cast<token_id>(value.get<std::uint64_t>());
  }
  tokenizer_rules::token& place(token_id id) {
    const auto at = static_cast<std::size_t>(id);
    while (rules_.tokens.size() <= at) rules_.tokens.push_back({"", token_kind::unused});
    return rules_.tokens[at];
  }

  result<void> merges() {
    const auto& list = file_["model"]["merges"];
    if (!list.is_array()) return bad("the merges are no list");
    const auto token_of = [&](const std::string& text) {
      std::optional<std::string> bytes(text);
      if (rules_.byte_level) bytes = bytes_of_token(text);
      const auto found = bytes ? rules_.merges.tokens.find(*bytes) : rules_.merges.tokens.end();
      return found == rules_.merges.tokens.end() ? no_token : found->second;
    };
    std::int32_t rank = 0;
    for (const auto& merge : list) {
      std::string left, right;
      if (merge.is_string()) {
        const auto text = merge.get<std::string>();
        const auto blank = text.find(' ', 1);
        if (blank == std::string::npos) return bad("a merge has no two parts");
        left = text.substr(0, blank);
        right = text.substr(blank + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      }
      const auto a = token_of(left), b = token_of(right), joined = token_of(left + right);
      if (a == no_token || b == no_token || joined == no_token)
        return bad("merge " + std::to_string(rank) + " names what is no token");
      rules_.merges.rules.emplace(merger::pair_of(a, b), merger::rule{rank++, joined});
    }
    return {};
  }

  result<void> added_tokens() {
    const auto& list = member("added_tokens");
    if (list.is_null()) return {};
    if (!list.is_array()) return bad("the added tokens are no list");
    for (const auto& one : list) {
      const auto text = text_of(one, "content");
      const auto id = one.is_object() && one.contains("id") ? id_of(one["id"]) : no_token;
      if (text.empty() || id == no_token) return bad("an added token has no id or content");
      if (flag_of(one, "single_word", false))
        return unsupported("added token", "single_word", "none");
      auto& token = place(id);
      token = {text, flag_of(one, "special", false) ? token_kind::control : token_kind::added,
               flag_of(one, "lstrip", false), flag_of(one, "rstrip", false)};
      rules_.merges.tokens.erase(text);
    }
    if (rules_.marks_spaces)
      for (auto& token : rules_.tokens)
        if (token.kind == token_kind::text)
          for (std::size_t at = 0; (at = token.bytes.find(space_mark, at)) != std::string::npos;
               ++at)
            token.bytes.replace(at, space_mark.size(), " ");
    return {};
  }

  /// What stands before a single text is the begin token.
  result<void> post_processor(const json& node) {
    if (node.is_null()) return {};
    const auto type = text_of(node, "type");
    if (type == "Sequence" && node.contains("processors") && node["processors"].is_array()) {
      for (const auto& one : node["processors"]) HOCKET_TRY(post_processor(one));
      return {};
    }
    if (type == "ByteLevel") return {};
    if (type != "TemplateProcessing" || !node.contains("single") || !node["single"].is_array())
      return unsupported("post-processor", type, "ByteLevel, TemplateProcessing, Sequence");
    bool text_seen = false;
    for (const auto& part : node["single"]) {
      if (part.is_object() && part.contains("Sequence")) {
        text_seen = true;
        continue;
      }
      const auto name = part.is_object() && part.contains("SpecialToken")
                            ? text_of(part["SpecialToken"], "id")
                            : std::string();
      if (text_seen) continue;  // an end token: a prompt does not end
      for (std::size_t i = 0; i < rules_.tokens.size(); ++i) {
        if (rules_.tokens[i].kind != token_kind::control || rules_.tokens[i].bytes != name)
          continue;
        if (rules_.adds_begin) return unsupported("post-processor", "two tokens before", "one");
        rules_.begin = static_cast<token_id>(i);
        rules_.adds_begin = true;
      }
    }
    return {};
  }

  const json& file_;
  std::string name_;
  tokenizer_rules rules_;
  std::vector<pre_splitter::step> steps_;
};

}  // namespace

result<tokenizer> tokenizer::from_json(std::string_view text, const std::string& name,
                                       const std::vector<std::string>& end_tokens) {
  const auto file = strict_json(text, name);
  if (!file) return fail(file);
  auto rules = json_reader(*file, name).read(end_tokens);
  if (!rules) return fail(rules);
  return tokenizer(std::move(*rules));
}

}  // namespace hocket::language
