#include "actors/gateway/edit/places.hpp"

#include <algorithm>

namespace hocket::gateway::edit {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

}  // namespace

places::places(std::string_view text) : text_(text) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') lines_.push_back(i + 1);
}

std::size_t places::at(const source_mark& m) const {
  if (m.line < 1 || static_cast<std::size_t>(m.line) > lines_.size()) return text_.size();
  return std::min(lines_[static_cast<std::size_t>(m.line) - 1] +
                      static_cast<std::size_t>(std::max(1, m.column) - 1),
                  text_.size());
}

std::size_t places::line_begin(std::size_t at) const {
  return *std::prev(std::upper_bound(lines_.begin(), lines_.end(), at));
}

std::size_t places::line_end(std::size_t at) const {
  const auto found = text_.find('\n', at);
  return found == text_.npos ? text_.size() : found;
}

bool places::is_first_of_line(std::size_t at) const {
  const auto begin = line_begin(at);
  return std::all_of(text_.begin() + static_cast<std::ptrdiff_t>(begin),
                     text_.begin() + static_cast<std::ptrdiff_t>(at), is_blank);
}

std::size_t places::skip_blanks(std::size_t at) const {
  while (at < text_.size() && is_blank(text_[at])) ++at;
  return at;
}

bool places::is_comment(std::size_t at) const {
  return at < text_.size() && text_[at] == '#' &&
         (at == 0 || is_blank(text_[at - 1]) || text_[at - 1] == '\n');
}

std::size_t places::skip_space(std::size_t at) const {
  for (;;) {
    at = skip_blanks(at);
    if (is_comment(at)) at = line_end(at);
    if (at >= text_.size() || text_[at] != '\n') return at;
    ++at;
  }
}

std::size_t places::trimmed(std::size_t begin, std::size_t end) const {
  while (end > begin && (is_blank(text_[end - 1]) || text_[end - 1] == '\n')) --end;
  return end;
}

/// Behind the closing quote.
std::size_t places::quoted_end(std::size_t at) const {
  const char quote = text_[at];
  for (std::size_t i = at + 1; i < text_.size(); ++i) {
    if (text_[i] == '\\' && quote == '"') {
      ++i;
    } else if (text_[i] == quote) {
      if (quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote)
        ++i;  // '' is a quote inside
      else
        return i + 1;
    }
  }
  return text_.size();
}

std::size_t places::flow_end(std::size_t at) const {
  int depth = 0;
  bool fresh = true;  // a quote begins a scalar; within a plain one it is a letter
  for (std::size_t i = at; i < text_.size(); ++i) {
    const char c = text_[i];
    if (is_blank(c) || c == '\n') continue;
    if (is_comment(i)) {
      i = line_end(i) - 1;
    } else if (fresh && (c == '"' || c == '\'')) {
      i = quoted_end(i) - 1;
      fresh = false;
    } else if (c == '{' || c == '[') {
      ++depth;
      fresh = true;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i + 1;
      fresh = false;
    } else {
      fresh = c == ',' || c == ':';
    }
  }
  return text_.size();
}

/// Of a plain scalar or an alias. In a block: within its first line.
std::size_t places::plain_end(std::size_t at, bool in_flow) const {
  auto i = at;
  for (; i < text_.size(); ++i) {
    const char c = text_[i];
    if (is_comment(i) || (!in_flow && c == '\n')) break;
    if (in_flow && (c == ',' || c == '}' || c == ']' || c == '{' || c == '[')) break;
  }
  return trimmed(at, i);
}

bool places::is_flow(std::size_t at) const {
  if (at < text_.size() && text_[at] == '&') {
    while (at < text_.size() && !is_blank(text_[at]) && text_[at] != '\n') ++at;
    at = skip_space(at);
  }
  return at < text_.size() && (text_[at] == '{' || text_[at] == '[');
}

/// Of a value in brackets or quotes; npos: of neither.
std::size_t places::node_end(std::size_t at) const {
  if (is_flow(at)) {
    while (text_[at] != '{' && text_[at] != '[') ++at;
    return flow_end(at);
  }
  return text_[at] == '"' || text_[at] == '\'' ? quoted_end(at) : text_.npos;
}

/// Of a value in a block: all lines that are indented deeper than its key.
std::size_t places::block_end(const entry_place& e) const {
  const auto column = e.key - line_begin(e.key);
  const bool is_inline = e.has_value && line_begin(e.value) == line_begin(e.key);
  const bool is_literal = is_inline && (text_[e.value] == '|' || text_[e.value] == '>');
  auto end = e.colon;
  if (is_literal) end = trimmed(e.value, line_end(e.value));
  if (is_inline && !is_literal) end = plain_end(e.value, false);
  // A comment behind a plain scalar ends it.
  if (is_inline && !is_literal && is_comment(skip_blanks(end))) return end;
  for (auto line = line_end(e.colon) + 1; line < text_.size(); line = line_end(line) + 1) {
    const auto first = skip_blanks(line);
    const auto stop = line_end(line);
    if (first >= stop) continue;
    const auto depth = first - line;
    const bool is_item = !is_inline && depth == column && text_[first] == '-' &&
                         (first + 1 == stop || is_blank(text_[first + 1]));
    if (!is_literal && text_[first] == '#') continue;
    if (depth <= column && !is_item) break;
    end = trimmed(first, stop);
  }
  return end;
}

entry_place places::of(const value::entry& e, bool in_flow) const {
  entry_place out;
  out.key = at(e.key_where);
  if (out.key >= text_.size()) return out;
  const auto key_end = text_[out.key] == '"' || text_[out.key] == '\''
                           ? quoted_end(out.key)
                           : std::min(out.key + e.key.size(), text_.size());
  out.colon = std::min(text_.find(':', key_end), text_.size() - 1) + 1;
  const auto next = in_flow ? skip_space(out.colon) : skip_blanks(out.colon);
  const bool ends = next >= text_.size() || text_[next] == '\n' || is_comment(next) ||
                    (in_flow && (text_[next] == ',' || text_[next] == '}'));
  out.value = ends ? out.colon : next;
  out.has_value = !ends;
  if (in_flow) {
    out.end = out.value;
    if (ends) return out;
    out.end = node_end(out.value);
    if (out.end == text_.npos) out.end = plain_end(out.value, true);
    return out;
  }
  if (out.has_value) out.end = node_end(out.value);
  if (!out.has_value || out.end == text_.npos) out.end = block_end(out);
  if (!out.has_value && out.end > out.colon) {
    out.value = skip_space(out.colon);
    out.has_value = true;
  }
  return out;
}

}  // namespace hocket::gateway::edit
