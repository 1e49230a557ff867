#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/language/tokenizer/pre_split.hpp"

#include <pcre2.h>

#include "graph/core/assert.hpp"

namespace hocket::language {
namespace {

constexpr std::uint32_t step_limit = 50'000'000;

/// Unicode's White_Space. PCRE2's own `\s` adds U+180E, which no tokenizer counts.
constexpr std::string_view white_space =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

/// The expression as PCRE2 has to see it; "" with a reason for what means something else there.
result<std::string> translated(const std::string& expression) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char next = expression[++i];
      if (next == 's')
        out += in_class ? std::string(white_space) : "[" + std::string(white_space) + "]";
      else if (next == 'S' && !in_class)
        out += "[^" + std::string(white_space) + "]";
      else if (next == 'S' || next == 'h' || next == 'H' || next == 'R' || next == 'X')
        return fail("tokenizer.expression", std::string("`\\") + next + "` is not supported here");
      else
        out += std::string{c, next};
      continue;
    }
    if (in_class &&
        (c == '[' || (c == '&' && i + 1 < expression.size() && expression[i + 1] == '&')))
      return fail("tokenizer.expression", "classes inside classes are not supported");
    if (c == '[' && !in_class) {
      in_class = true;
      out += c;
      if (i + 1 < expression.size() && expression[i + 1] == '^') out += expression[++i];
      continue;
    }
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

}  // namespace

struct pre_splitter::compiled {
  pcre2_code* code = nullptr;
  bool matches_only = false;
  compiled() = default;
  compiled(const compiled&) = delete;
  compiled& operator=(const compiled&) = delete;
  ~compiled() { pcre2_code_free(code); }
};

namespace {

/// What matching needs and threads must not share.
struct workplace {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, 4 << 20, nullptr);
  workplace() {
    HOCKET_ASSERT(data && context && stack);
    pcre2_set_match_limit(context, step_limit);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  workplace(const workplace&) = delete;
  workplace& operator=(const workplace&) = delete;
  ~workplace() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};

}  // namespace

pre_splitter::pre_splitter() = default;

result<pre_splitter> pre_splitter::make(const std::vector<step>& steps) {
  pre_splitter made;
  for (const auto& s : steps) {
    if (s.expression.size() > 16384) return fail("tokenizer.expression", "it is over 16 KiB long");
    const auto text = translated(s.expression);
    if (!text) return fail(text);
    auto one = std::make_shared<compiled>();
    one->matches_only = s.matches_only;
    int code = 0;
    PCRE2_SIZE at = 0;
    one->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text->data()), text->size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, nullptr);
    if (one->code == nullptr) {
      unsigned char message[256] = "";
      pcre2_get_error_message(code, message, sizeof(message));
      return fail("tokenizer.expression", reinterpret_cast<const char*>(message));
    }
    (void)pcre2_jit_compile(one->code, PCRE2_JIT_COMPLETE);  // without it: slower, the same matches
    made.steps_.push_back(std::move(one));
  }
  return made;
}

result<std::vector<std::string_view>> pre_splitter::split(std::string_view text) const {
  std::vector<std::string_view> pieces{text}, cut;
  if (text.empty()) return std::vector<std::string_view>{};
  const workplace work;
  for (const auto& step : steps_) {
    cut.clear();
    for (const auto piece : pieces) {
      std::size_t done = 0, from = 0;
      while (from < piece.size()) {
        const int found =
            pcre2_match(step->code, reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(), from,
                        PCRE2_NO_UTF_CHECK, work.data, work.context);
        if (found == PCRE2_ERROR_NOMATCH) break;
        if (found < 0) return fail("tokenizer.too_hard", "the text takes too many steps to split");
        const auto* places = pcre2_get_ovector_pointer(work.data);
        if (places[1] <= places[0]) {  // an empty match cuts nothing
          from = places[0] + (places[0] < piece.size() ? 1 : 0);
          while (from < piece.size() && (static_cast<unsigned char>(piece[from]) & 0xc0) == 0x80)
            ++from;
          if (places[0] >= piece.size()) break;
          continue;
        }
        if (places[0] > done && !step->matches_only)
          cut.push_back(piece.substr(done, places[0] - done));
        cut.push_back(piece.substr(places[0], places[1] - places[0]));
        done = from = places[1];
      }
      if (done < piece.size() && !step->matches_only) cut.push_back(piece.substr(done));
    }
    pieces.swap(cut);
  }
  return pieces;
}

}  // namespace hocket::language
