#include <algorithm>
#include <array>

#include "engine/language/files/text_checks.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"

namespace hocket::language {
namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";
constexpr std::size_t token_limit = 4'000'000;

tl::unexpected<error> bad(const std::string& what) { return fail("tokenizer.bad_file", what); }

std::string with_blanks(std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; (at = out.find(space_mark, at)) != std::string::npos; ++at)
    out.replace(at, space_mark.size(), " ");
  return out;
}

token_kind kind_of_type(std::int64_t type) {
  switch (type) {  // ggml's token types
    case 2:
    case 3: return token_kind::control;
    case 4: return token_kind::added;
    case 5: return token_kind::unused;
    case 6: return token_kind::byte;
    default: return token_kind::text;
  }
}

/// Tokens and their kinds. In byte-level vocabularies `bytes` holds raw bytes afterwards; in the
/// others the text that pieces are compared with stays in `merges.tokens`.
result<void> read_tokens(const gguf_file& file, tokenizer_rules& rules) {
  const auto* tokens = file.texts("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty()) return bad("there are no tokenizer.ggml.tokens");
  if (tokens->size() > token_limit) return bad("there are over 4 million tokens");
  const auto* types = file.numbers("tokenizer.ggml.token_type");
  if (types != nullptr && types->count != tokens->size())
    return bad("tokenizer.ggml.token_type has another length than the tokens");
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    const std::string text((*tokens)[i]);
    const auto id = static_cast<token_id>(i);
    tokenizer_rules::token token{text, kind_of_type(types ? types->integer_at(i) : 1)};
    if (token.kind == token_kind::byte) {
      const auto byte = byte_of_name(text);
      if (!byte) return bad("token " + std::to_string(i) + " is a byte, but not named like one");
      token.bytes = std::string(1, *byte);
    } else if (token.kind == token_kind::text && rules.byte_level) {
      if (!is_utf8(text)) return bad("token " + std::to_string(i) + " is no text");
      if (const auto bytes = bytes_of_token(text)) token.bytes = *bytes;
    }
    if (token.kind == token_kind::text && !token.bytes.empty()) {
      rules.merges.tokens[token.bytes] = id;
      rules.merges.longest = std::max(rules.merges.longest, token.bytes.size());
    }
    if (rules.marks_spaces && token.kind == token_kind::text) token.bytes = with_blanks(text);
    rules.tokens.push_back(std::move(token));
  }
  return {};
}

result<void> read_merges(const gguf_file& file, tokenizer_rules& rules) {
  const auto* merges = file.texts("tokenizer.ggml.merges");
  if (merges == nullptr) return bad("there are no tokenizer.ggml.merges");
  const auto token_of = [&](std::string_view text) {
    std::optional<std::string> bytes(text);
    if (rules.byte_level) bytes = bytes_of_token(text);
    if (!bytes) return no_token;
    const auto found = rules.merges.tokens.find(*bytes);
    return found == rules.merges.tokens.end() ? no_token : found->second;
  };
  std::int32_t rank = 0;
  for (const auto merge : *merges) {
    const auto number = std::to_string(rank);
    if (!is_utf8(merge)) return bad("merge " + number + " is no text");
    // The separator is the blank after the first character: parts may begin with one.
    const auto blank = merge.find(' ', 1);
    if (blank == std::string_view::npos) return bad("merge " + number + " has no two parts");
    const auto left = merge.substr(0, blank), right = merge.substr(blank + 1);
    const auto a = token_of(left), b = token_of(right),
               joined = token_of(std::string(left) + std::string(right));
    if (a == no_token || b == no_token || joined == no_token)
      return bad("merge " + number + " names what is no token");
    rules.merges.rules.emplace(merger::pair_of(a, b), merger::rule{rank++, joined});
  }
  return {};
}

std::optional<token_id> id_at(const gguf_file& file, std::string_view key, std::size_t size) {
  const auto id = file.integer(key);
  return id && *id >= 0 && static_cast<std::size_t>(*id) < size
             ? std::optional(static_cast<token_id>(*id))
             : std::nullopt;
}

void read_ends(const gguf_file& file, tokenizer_rules& rules) {
  for (const auto* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"})
    if (const auto id = id_at(file, key, rules.tokens.size())) rules.ends.push_back(*id);
  // Files often name only one; these end a turn in whichever vocabulary has them.
  constexpr std::array known = {"<|eot_id|>",
                                "<|im_end|>",
                                "<|end|>",
                                "<|endoftext|>",
                                "</s>",
                                "<end_of_turn>",
                                "<|eom_id|>",
                                "<|return|>",
                                "<|call|>",
                                "<|eot|>",
                                "<|end_of_text|>",
                                "<|end_of_sentence|>",
                                "[EOS]",
                                "<EOT>",
                                "<\xef\xbd\x9c"
                                "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"};
  for (std::size_t i = 0; i < rules.tokens.size(); ++i) {
    const auto& t = rules.tokens[i];
    if (t.kind == token_kind::control &&
        std::find(known.begin(), known.end(), t.bytes) != known.end())
      rules.ends.push_back(static_cast<token_id>(i));
  }
  std::sort(rules.ends.begin(), rules.ends.end());
  rules.ends.erase(std::unique(rules.ends.begin(), rules.ends.end()), rules.ends.end());
}

result<void> read_byte_level(const gguf_file& file, tokenizer_rules& rules) {
  const auto name = file.text("tokenizer.ggml.pre");
  if (!name)
    return fail("tokenizer.unsupported",
                "the file does not say how text is split (tokenizer.ggml.pre): convert it again");
  const auto pre = pre_tokenizer_named(*name);
  if (!pre) return fail(pre);
  rules.byte_level = true;
  rules.whole_words = pre->whole_words;
  rules.composes = pre->composes;
  rules.adds_begin = pre->adds_bos;
  std::vector<pre_splitter::step> steps;
  for (const auto& e : pre->expressions) steps.push_back({e});
  auto splitter = pre_splitter::make(steps);
  if (!splitter) return fail(splitter);
  rules.splitter = std::move(*splitter);
  HOCKET_TRY(read_tokens(file, rules));
  return read_merges(file, rules);
}

/// Gemma 4: merges over characters, no split but at line ends, byte tokens for the rest.
result<void> read_gemma4(const gguf_file& file, tokenizer_rules& rules) {
  rules.marks_spaces = true;
  rules.adds_begin = true;
  auto splitter = pre_splitter::make({{"[^\\n]+|[\\n]+"}});
  if (!splitter) return fail(splitter);
  rules.splitter = std::move(*splitter);
  HOCKET_TRY(read_tokens(file, rules));
  return read_merges(file, rules);
}

result<void> read_sentencepiece(const gguf_file& file, tokenizer_rules& rules) {
  rules.marks_spaces = true;
  rules.adds_begin = true;
  HOCKET_TRY(read_tokens(file, rules));
  const auto* scores = file.numbers("tokenizer.ggml.scores");
  if (scores == nullptr || scores->count != rules.tokens.size())
    return bad("tokenizer.ggml.scores are missing or of another length than the tokens");
  for (std::size_t i = 0; i < scores->count; ++i) {
    const auto score = scores->number_at(i);
    if (!(score > -1e30 && score < 1e30)) return bad("a score is no number");
    rules.merges.scores.push_back(static_cast<float>(score));
  }
  if (file.flag("tokenizer.ggml.add_space_prefix").value_or(true)) {
    rules.space_prefix = tokenizer_rules::prefix::each;
    rules.drops_prefix = true;
  }
  return {};
}

}  // namespace

result<tokenizer> tokenizer::from_gguf(const gguf_file& file) {
  tokenizer_rules rules;
  const auto model = file.text("tokenizer.ggml.model");
  if (!model) return bad("the file has no tokenizer (tokenizer.ggml.model)");
  if (*model == "gpt2")
    HOCKET_TRY(read_byte_level(file, rules));
  else if (*model == "llama")
    HOCKET_TRY(read_sentencepiece(file, rules));
  else if (*model == "gemma4")
    HOCKET_TRY(read_gemma4(file, rules));
  else
    return fail("tokenizer.unsupported",
                "the tokenizer `" +
                    std::string(is_plain_text(*model) ? model->substr(0, 64) : "?") +
                    "` is not supported; those that are: gpt2, llama, gemma4");
  const auto size = rules.tokens.size();
  rules.begin = id_at(file, "tokenizer.ggml.bos_token_id", size).value_or(no_token);
  rules.unknown = id_at(file, "tokenizer.ggml.unknown_token_id", size).value_or(no_token);
  rules.adds_begin = file.flag("tokenizer.ggml.add_bos_token").value_or(rules.adds_begin) &&
                     rules.begin != no_token;
  read_ends(file, rules);
  tokenizer made(std::move(rules));
  if (const auto chat = file.text("tokenizer.chat_template")) made.guard_markup_of(*chat);
  return made;
}

}  // namespace hocket::language
