#include "engine/language/files/json_lines.hpp"

#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"

namespace hocket::language {

result<std::int64_t> for_each_json_line(
    std::string_view text, const std::string& name,
    const std::function<result<void>(const nlohmann::json&)>& take) {
  std::int64_t count = 0;
  for (std::int64_t n = 1; !text.empty(); ++n) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto at = name + ":" + std::to_string(n);
    const auto j = strict_json(line, at);
    if (!j) return fail(j);
    if (const auto taken = take(*j); !taken)
      return fail(taken.error().code, at + ": " + taken.error().message);
    ++count;
  }
  return count;
}

}  // namespace hocket::language
