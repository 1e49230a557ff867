#include "tools/hocket/export/yaml_text.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// True where no YAML reader of any version takes it for a number, a truth value or nothing.
bool is_plain(const std::string& s) {
  if (s.empty() || !(is_letter(s[0]) || s[0] == '/')) return false;
  std::string lower;
  for (const char c : s) {
    const bool fine =
        is_letter(c) || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
    if (!fine) return false;
    lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  for (const auto* word : {"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
    if (lower == word) return false;
  return true;
}

/// True where a literal block gives the text back as it is.
bool is_block(const std::string& s) {
  if (s.size() < 2 || s.back() != '\n' || s[s.size() - 2] == '\n' || s[0] == ' ' || s[0] == '\n')
    return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    return c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

std::string scalar(const json& v, const std::string& indent) {
  if (!v.is_string()) return v.dump();
  const auto& s = v.get_ref<const std::string&>();
  if (is_plain(s)) return s;
  // JSON's quoting is YAML's double quoting.
  if (!is_block(s)) return v.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string out = "|\n";
  for (std::size_t at = 0; at < s.size();) {
    const auto end = s.find('\n', at);
    if (end > at) out += indent + s.substr(at, end - at);
    out += '\n';
    at = end + 1;
  }
  out.pop_back();
  return out;
}

void write(std::string& out, const json& v, const std::string& indent);

/// What follows "key:" or "-".
void write_item(std::string& out, const json& v, const std::string& indent, bool in_list) {
  if (v.is_structured() && !v.empty()) {
    if (!in_list) {
      out += "\n";
      // Lists stand under their key without indent, as kubectl writes them.
      return write(out, v, v.is_array() ? indent : indent + "  ");
    }
    std::string inner;
    write(inner, v, indent + "  ");
    out += " " + inner.substr(indent.size() + 2);
    return;
  }
  out += " " + (v.is_structured() ? v.dump() : scalar(v, indent + "  ")) + "\n";
}

void write(std::string& out, const json& v, const std::string& indent) {
  if (v.is_object())
    for (const auto& [key, item] : v.items()) {
      out += indent + scalar(key, indent) + ":";
      write_item(out, item, indent, false);
    }
  else
    for (const auto& item : v) {
      out += indent + "-";
      write_item(out, item, indent, true);
    }
}

}  // namespace

std::string yaml_text(const json& value) {
  std::string out;
  if (value.is_structured() && !value.empty())
    write(out, value, "");
  else
    out = value.is_structured() ? value.dump() + "\n" : scalar(value, "  ") + "\n";
  return out;
}

}  // namespace hocket::cli
