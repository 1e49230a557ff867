#include "engine/language/files/gguf_writer.hpp"
#include "engine/language/files/text_checks.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a byte that says what follows: a tokenizer.json, a GGUF file with a vocabulary, or text for
// a vocabulary of bytes.
namespace hocket::fuzz {
namespace {

using language::append_utf8, language::character_of_byte, language::gguf_file,
    language::gguf_writer, language::is_utf8, language::utf8_stream, language::well_formed;
using vocabulary = language::tokenizer;

/// Byte-level vocabulary of the 256 bytes, two merges, a control and an added token.
std::string small_gguf() {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b) {
    tokens.emplace_back();
    append_utf8(tokens.back(), character_of_byte(static_cast<std::uint8_t>(b)));
  }
  std::vector<std::int32_t> types(256, 1);
  for (const auto* merged : {"ab", "abc"}) {
    tokens.emplace_back(merged);
    types.push_back(1);
  }
  tokens.insert(tokens.end(), {"<|end|>", "<call>"});
  types.insert(types.end(), {3, 4});
  gguf_writer w;
  w.add("tokenizer.ggml.model", "gpt2");
  w.add("tokenizer.ggml.pre", "gpt-4o");
  w.add("tokenizer.chat_template", "<|end|><call>");
  w.add_list("tokenizer.ggml.tokens", tokens);
  w.add_list("tokenizer.ggml.token_type", types);
  w.add_list("tokenizer.ggml.merges", std::vector<std::string>{"a b", "ab c"});
  return w.bytes();
}

std::string small_sentencepiece() {
  gguf_writer w;
  w.add("tokenizer.ggml.model", "llama");
  w.add_list("tokenizer.ggml.tokens",
             std::vector<std::string>{"<unk>", "<s>", "a", "b", "ab", "<0x0A>"});
  w.add_list("tokenizer.ggml.scores", std::vector<float>{0, 0, -1, -2, -3, 0});
  w.add_list("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 1, 1, 1, 6});
  w.add("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  return w.bytes();
}

void use(const vocabulary& t, std::string_view text) {
  const auto ids = t.encode(text);
  if (!ids) return;
  for (const auto id : *ids) {
    HOCKET_ASSERT(id >= 0 && static_cast<std::size_t>(id) < t.size());
    HOCKET_ASSERT(!t.is_control(id) || id == t.rules().unknown);
  }
  HOCKET_ASSERT(is_utf8(t.decode(*ids)));
}

void use_text(std::string_view text) {
  static const std::string bytes = small_gguf();
  static const auto file = gguf_file::parse(std::as_bytes(std::span(bytes)), "seed.gguf").value();
  static const auto t = vocabulary::from_gguf(file).value();
  const auto ids = t.encode(text);
  HOCKET_ASSERT(ids.has_value());
  HOCKET_ASSERT(t.decode(*ids) == well_formed(text));
  // Guarded text gives the same tokens in a prompt, and none that steers the model.
  const auto clean = vocabulary::without_guards(well_formed(text));
  HOCKET_ASSERT(vocabulary::without_guards(t.guard(clean)) == clean);
  HOCKET_ASSERT(t.encode_prompt(t.guard(clean)).value() == t.encode(clean).value());
  utf8_stream stream;
  std::string streamed;
  for (const char c : text) streamed += stream.push({&c, 1});
  HOCKET_ASSERT(streamed + stream.finish() == well_formed(text));
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::string text(bytes.begin() + 1, bytes.end());
  if (bytes[0] == 'j') {
    const auto t = vocabulary::from_json(text, "fuzz.json");
    if (t) use(*t, "ab abc\n <|end|> \xf0\x9f\x98\x80");
  } else if (bytes[0] == 'g') {
    const auto file = gguf_file::parse(std::as_bytes(std::span(text)), "fuzz.gguf");
    if (!file) return;
    const auto t = vocabulary::from_gguf(*file);
    if (t) use(*t, "ab abc\n <|end|> \xf0\x9f\x98\x80");
  } else {
    use_text(text);
  }
}

std::vector<std::string> seeds() {
  const std::string json =
      R"({"added_tokens":[{"id":3,"content":"<|end|>","special":true,"rstrip":true}],"normalizer":)"
      R"({"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":)"
      R"({"Regex":"\\s+|\\p{L}+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel",)"
      R"("add_prefix_space":false,"use_regex":false}]},"model":{"type":"BPE","byte_fallback":false,)"
      R"("vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";
  return {"j" + json, "g" + small_gguf(), "g" + small_sentencepiece(),
          "tabc <|end|>x<call>\n\xf0\x9f\x98\x80 12345", "t\xff\xc3 \xe2\x82"};
}

}  // namespace

extern const target tokenizer;
const target tokenizer = {"tokenizer", run, seeds};

}  // namespace hocket::fuzz
