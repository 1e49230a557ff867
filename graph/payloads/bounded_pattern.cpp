#include <fmt/format.h>
#include <re2/re2.h>

#include "graph/payloads/json_rules.hpp"
#include "graph/text/clean.hpp"

namespace hocket::payloads {
namespace {

constexpr std::size_t longest = 4096;
/// Of one expression, with what its matcher remembers.
constexpr std::int64_t memory_max = 2 << 20;

const RE2& code_of(const std::shared_ptr<const void>& code) {
  return *static_cast<const RE2*>(code.get());
}

}  // namespace

// RE2 reads each byte once, whatever the expression. One that backtracks bounds its work per place
// where a match may begin: `\s+$` on 32 KiB of blanks took two minutes.
result<bounded_pattern> bounded_pattern::make(const std::string& expression) {
  if (expression.size() > longest)
    return fail("payload.schema",
                fmt::format("a pattern of {} bytes is longer than {}", expression.size(), longest));
  RE2::Options how;
  how.set_log_errors(false);
  how.set_never_capture(true);
  how.set_max_mem(memory_max);
  auto code = std::make_shared<const RE2>(expression, how);
  if (!code->ok())
    return fail("payload.schema", fmt::format("its pattern is no expression that is known here "
                                              "(RE2's syntax, without look-around and back "
                                              "references): {}",
                                              cut_text(clean_text(code->error()), 200)));
  bounded_pattern out;
  out.code_ = std::move(code);
  return out;
}

// In the worst case each byte meets each instruction; a step is what 64 of these meetings take.
std::size_t bounded_pattern::steps(std::size_t bytes) const {
  return 1 + bytes * static_cast<std::size_t>(code_of(code_).ProgramSize()) / 64;
}

bool bounded_pattern::matches(const std::string& text) const {
  return RE2::PartialMatch(text, code_of(code_));
}

}  // namespace hocket::payloads
