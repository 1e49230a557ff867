#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace hocket::gateway::edit {

using json = nlohmann::ordered_json;

/// Reads JSON that is nested at most so deep: what writes or walks it may be recursive. Discarded where
/// it is none, or deeper. Keys keep their order.
inline json read_json(std::string_view text, int most_depth = 48) {
  int depth = 0;
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted) {
      if (c == '\\') ++i;
      if (c == '"') is_quoted = false;
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > most_depth) return json(json::value_t::discarded);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return json::parse(text, nullptr, false);
}

}  // namespace hocket::gateway::edit
