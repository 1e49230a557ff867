#include "actors/gateway/webrtc/form.hpp"

#include <algorithm>
#include <optional>

namespace hocket::gateway::webrtc {
namespace {

constexpr std::size_t most_fields = 16, most_head_bytes = 4'096, longest_boundary = 70;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The value of a parameter behind the first `;`: `form-data; name="a"`.
std::optional<std::string> parameter(std::string_view line, std::string_view name) {
  auto at = line.find(';');
  while (at != line.npos) {
    line.remove_prefix(at + 1);
    const auto equals = line.find('=');
    if (equals == line.npos) return {};
    const auto key = trimmed(line.substr(0, equals));
    line.remove_prefix(equals + 1);
    std::string value;
    if (!line.empty() && line.front() == '"') {
      std::size_t i = 1;
      for (; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\' && i + 1 < line.size()) ++i;
        value += line[i];
      }
      if (i >= line.size()) return {};
      line.remove_prefix(i);
    } else {
      value = trimmed(line.substr(0, line.find(';')));
    }
    if (same(key, name)) return value;
    at = line.find(';');
  }
  return {};
}

/// The field's name, of its head: lines with `\r\n` between.
std::optional<std::string> name_in(std::string_view head) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon == line.npos) return {};
    if (same(trimmed(line.substr(0, colon)), "content-disposition"))
      return parameter(line.substr(colon + 1), "name");
  }
  return {};
}

}  // namespace

result<std::map<std::string, std::string>> read_form(std::string_view content_type,
                                                     std::string_view body) {
  const auto bad = [](const char* what) { return fail("gateway.bad_form", what); };
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > longest_boundary)
    return bad("the form's Content-Type names no boundary");
  const auto line = "--" + *boundary;
  auto at = body.find(line);
  if (at == body.npos || (at != 0 && !body.substr(0, at).ends_with("\r\n")))
    return bad("the form does not begin with its boundary");
  std::map<std::string, std::string> out;
  for (;;) {
    body.remove_prefix(at + line.size());
    if (body.starts_with("--")) return out;
    // Blanks may follow a boundary.
    const auto end = body.find("\r\n");
    if (end == body.npos || !trimmed(body.substr(0, end)).empty())
      return bad("the form has a boundary that nothing follows");
    body.remove_prefix(end);
    const auto head = body.find("\r\n\r\n");
    if (head == body.npos || head > most_head_bytes) return bad("a field of the form has no head");
    const auto name = name_in(body.substr(2, head < 2 ? 0 : head - 2));
    if (!name) return bad("a field of the form has no name");
    body.remove_prefix(head + 4);
    at = body.find("\r\n" + line);
    if (at == body.npos) return bad("a field of the form has no end");
    if (out.size() == most_fields) return bad("the form has more than 16 fields");
    out.emplace(*name, body.substr(0, at));
    at += 2;
  }
}

}  // namespace hocket::gateway::webrtc
