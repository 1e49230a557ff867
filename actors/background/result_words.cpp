#include "actors/background/result_words.hpp"

#include <cctype>

#include <nlohmann/json.hpp>

namespace hocket::background {
namespace {

using json = nlohmann::ordered_json;  // values in the order of the app

constexpr int most_depth = 8;
constexpr std::size_t most_bytes = 1000;

bool may_be_structured(std::string_view text) {
  return !text.empty() && (text[0] == '{' || text[0] == '[');
}

/// A string of Python from its quote on, as one of JSON; `i` comes to stand behind it.
std::string string_of_python(std::string_view text, std::size_t& i) {
  const char quote = text[i++];
  std::string out = "\"";
  for (; i < text.size() && text[i] != quote; ++i) {
    if (text[i] == '"') {
      out += "\\\"";
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[++i];
      if (next == '\'')
        out += next;
      else if (next == 'x')
        out += "\\u00";  // the two digits follow
      else
        out.append({'\\', next});
    } else {
      out += text[i];
    }
  }
  ++i;
  return out + '"';
}

/// What Python prints of its dicts, lists, tuples and plain values, as JSON; anything else comes to be no JSON.
std::string json_of_python(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      out += string_of_python(text, i);
    } else if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      const auto from = i;
      while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) != 0) ++i;
      const auto word = text.substr(from, i - from);
      out += word == "True" ? "true" : word == "False" ? "false" : word == "None" ? "null" : word;
    } else {
      if (c == ']' || c == '}' || c == ')') {  // (1,) is a tuple of one
        const auto last = out.find_last_not_of(' ');
        if (last != out.npos && out[last] == ',') out.erase(last);
      }
      out += c == '(' ? '[' : c == ')' ? ']' : c;
      ++i;
    }
  }
  return out;
}

json read(std::string_view text) {
  auto value = json::parse(text, nullptr, false);
  if (value.is_discarded()) value = json::parse(json_of_python(text), nullptr, false);
  return value;  // moved: a copy of what is nested deeply overflows the stack
}

/// `into_texts`: texts that are structured themselves are opened, too.
void collect(const json& value, bool into_texts, std::string& into, int depth) {
  const auto add = [&](const std::string& words) { into += (into.empty() ? "" : " ") + words; };
  if (depth > most_depth || into.size() > most_bytes) return;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (!may_be_structured(text))
      add(text);
    else if (into_texts)
      collect(read(text), into_texts, into, depth + 1);
  } else if (value.is_number()) {
    add(value.dump());
  } else if (value.is_boolean()) {
    add(value.get<bool>() ? "yes" : "no");
  } else if (value.is_structured()) {
    for (const auto& v : value) collect(v, into_texts, into, depth + 1);
  }
}

}  // namespace

std::string words_of_result(std::string_view content) {
  const auto first = content.find_first_not_of(" \t\r\n");
  if (first == content.npos || (!may_be_structured(content.substr(first)) && content[first] != '"'))
    return std::string(content);
  const auto value = read(content);
  if (value.is_discarded()) return std::string(content);
  std::string out;
  // A text that is JSON again beside other values is an echo or a detail for machines; alone it is the result.
  collect(value, false, out, 0);
  if (out.empty()) collect(value, true, out, 0);
  return out;
}

}  // namespace hocket::background
