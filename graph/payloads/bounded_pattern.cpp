#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "graph/payloads/json_rules.hpp"

namespace hocket::payloads {
namespace {
constexpr std::size_t longest = 4096;
}

result<bounded_pattern> bounded_pattern::make(const std::string& expression) {
  if (expression.size() > longest)
    return fail("payload.schema",
                fmt::format("a pattern of {} bytes is longer than {}", expression.size(), longest));
  int number = 0;
  PCRE2_SIZE at = 0;
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                             PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &number,
                             &at, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR words[128] = {};
    pcre2_get_error_message(number, words, sizeof words);
    return fail("payload.schema", fmt::format("its pattern is no expression: {} at {}",
                                              reinterpret_cast<const char*>(words), at));
  }
  bounded_pattern out;
  out.code_ = std::shared_ptr<const void>(
      code, [](const void* c) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(c))); });
  return out;
}

bounded_pattern::answer bounded_pattern::look(const std::string& text) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(limits.get(), 100'000);
  pcre2_set_heap_limit(limits.get(), 4096);  // KiB
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> found(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  const int n = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                            found.get(), limits.get());
  if (n >= 0) return answer::matches;
  return n == PCRE2_ERROR_NOMATCH ? answer::differs : answer::too_much;
}

}  // namespace hocket::payloads
