#include <algorithm>

#include "engine/language/tokenizer/pre_split.hpp"

namespace hocket::language {
namespace {

// Each family's own expression, as its tokenizer.json has it.
#define HOCKET_ENGLISH_SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define HOCKET_LINES_AND_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"

constexpr const char* gpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* llama3 = HOCKET_ENGLISH_SUFFIX
    R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" HOCKET_LINES_AND_SPACES;
constexpr const char* qwen2 = HOCKET_ENGLISH_SUFFIX
    R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" HOCKET_LINES_AND_SPACES;
constexpr const char* qwen35 = HOCKET_ENGLISH_SUFFIX
    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" HOCKET_LINES_AND_SPACES;
#define HOCKET_UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define HOCKET_LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
constexpr const char* o200k =
    R"([^\r\n\p{L}\p{N}]?)" HOCKET_UPPER "*" HOCKET_LOWER "+" HOCKET_ENGLISH_SUFFIX
    R"(?|[^\r\n\p{L}\p{N}]?)" HOCKET_UPPER "+" HOCKET_LOWER "*" HOCKET_ENGLISH_SUFFIX
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" HOCKET_LINES_AND_SPACES;
constexpr const char* tekken = R"([^\r\n\p{L}\p{N}]?)" HOCKET_UPPER "*" HOCKET_LOWER
                               "+"
                               R"(|[^\r\n\p{L}\p{N}]?)" HOCKET_UPPER "+" HOCKET_LOWER
                               "*"
                               R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" HOCKET_LINES_AND_SPACES;
// As o200k, with runs of Han apart.
#define HOCKET_NOT_HAN R"((?:(?!\p{Han}))"
constexpr const char* kimi_k2 =
    R"(\p{Han}+|[^\r\n\p{L}\p{N}]?)" HOCKET_NOT_HAN HOCKET_UPPER ")*" HOCKET_NOT_HAN HOCKET_LOWER
    ")+" HOCKET_ENGLISH_SUFFIX R"(?|[^\r\n\p{L}\p{N}]?)" HOCKET_NOT_HAN HOCKET_UPPER
    ")+" HOCKET_NOT_HAN HOCKET_LOWER ")*" HOCKET_ENGLISH_SUFFIX
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" HOCKET_LINES_AND_SPACES;

const std::vector<pre_tokenizer>& all() {
  static const std::vector<pre_tokenizer> list = {
      {{"gpt-2", "mpt", "olmo", "jais", "phi-2", "exaone4", "gigachat"}, {gpt2}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"},
       {R"(\p{N})", gpt2}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"}, {llama3}, true, true},
      {{"dbrx", "smaug-bpe"}, {llama3}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"}, {qwen2}, false, false, true},
      {{"qwen35"}, {qwen35}, false, false, true},
      {{"gpt-4o", "llama4"}, {o200k}},
      {{"tekken"}, {tekken}, true},
      {{"kimi-k2"}, {kimi_k2}},
      {{"deepseek-v3", "hunyuan-dense"},
       {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)",
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" HOCKET_LINES_AND_SPACES}},
      {{"deepseek-llm"},
       {R"([\r\n])",
        R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
        R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", R"([一-龥ࠀ-一가-퟿]+)", R"(\p{N})"}},
      {{"deepseek-coder"},
       {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", R"([一-龥ࠀ-一가-퟿]+)", R"(\p{N})"}},
  };
  return list;
}

}  // namespace

result<pre_tokenizer> pre_tokenizer_named(std::string_view name) {
  std::string known;
  for (const auto& one : all()) {
    for (const auto& n : one.names) {
      if (n == name) return one;
      known += (known.empty() ? "" : ", ") + n;
    }
  }
  return fail("tokenizer.unsupported", "the pre-tokenizer `" + std::string(name.substr(0, 64)) +
                                           "` is not supported; those that are: " + known);
}

}  // namespace hocket::language
