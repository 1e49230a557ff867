#include "graph/payloads/json_text.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::payloads {
namespace {

/// By brackets alone, before anything is allocated.
int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

}  // namespace

result<json> parse_json(std::string_view text, std::size_t bytes_max, int depth_max) {
  if (text.size() > bytes_max)
    return fail("payload.json",
                fmt::format("{} bytes of JSON are more than {}", text.size(), bytes_max));
  if (const int depth = depth_of(text); depth > depth_max)
    return fail("payload.json",
                fmt::format("JSON nested {} deep is deeper than {}", depth, depth_max));
  bool twice = false;
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end && !names.empty()) names.pop_back();
    if (event == json::parse_event_t::key && !names.empty())
      twice = !names.back().insert(parsed.get<std::string>()).second || twice;
    return true;
  };
  auto out = json::parse(text, watch, false);
  if (out.is_discarded()) return fail("payload.json", "the text is no JSON");
  if (twice) return fail("payload.json", "a name stands twice in an object");
  return out;
}

std::string pointer_part(std::string_view name) {
  std::string out;
  for (const char c : clean_text(name.substr(0, 60))) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return name.size() > 60 ? out + "…" : out;
}

}  // namespace hocket::payloads
