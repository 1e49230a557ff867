#include "actors/background/language/chat.hpp"
#include "engine/language/files/strict_json.hpp"

namespace hocket::background {
namespace {

/// A call from `{"name": …, "arguments"|"parameters": {…}}`; false where it is none.
bool add_call(const json& in, std::vector<chat_call>& out) {
  if (!in.is_object()) return false;
  const auto& at = in.contains("function") && in["function"].is_object() ? in["function"] : in;
  if (!at.contains("name") || !at["name"].is_string()) return false;
  json arguments = json::object();
  for (const char* key : {"arguments", "parameters"})
    if (at.contains(key)) arguments = at[key];
  if (arguments.is_string()) {
    out.push_back({at["name"], arguments.get<std::string>()});
    return true;
  }
  if (!arguments.is_object()) return false;
  out.push_back({at["name"], arguments.dump(-1, ' ', false, json::error_handler_t::replace)});
  return true;
}

bool add_calls(std::string_view text, std::vector<chat_call>& out) {
  const auto value = language::strict_ordered_json(text, "call");
  if (!value) return false;
  if (!value->is_array()) return add_call(*value, out);
  if (value->empty()) return false;
  for (const auto& each : *value)
    if (!add_call(each, out)) return false;
  return true;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::vector<chat_call> calls_in_text(std::string& text) {
  constexpr std::string_view begin = "<tool_call>", end = "</tool_call>";
  std::vector<chat_call> out;
  for (auto at = text.find(begin); at != text.npos; at = text.find(begin, at)) {
    const auto inside = at + begin.size();
    const auto stop = text.find(end, inside);
    const auto body = trimmed(
        std::string_view(text).substr(inside, stop == text.npos ? text.npos : stop - inside));
    if (!add_calls(body, out)) {
      at = inside;
      continue;
    }
    text.erase(at, stop == text.npos ? text.npos : stop + end.size() - at);
  }
  if (!out.empty()) return out;
  auto whole = trimmed(text);
  if (whole.starts_with("```")) {
    const auto line = whole.find('\n');
    const auto fence = whole.rfind("```");
    if (line != whole.npos && fence > line) whole = trimmed(whole.substr(line, fence - line));
  }
  if (add_calls(whole, out)) {
    text.clear();
  } else {
    out.clear();
  }
  return out;
}

}  // namespace hocket::background
