#include "graph/text/clean.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace hocket {
namespace {

constexpr char32_t broken = 0xFFFD;

/// Reads one character at `at` and moves on; a broken sequence (its longest well-formed beginning,
/// as Unicode recommends) reads as U+FFFD.
char32_t next_character(std::string_view s, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xC2 && first <= 0xDF   ? 1
                   : first >= 0xE0 && first <= 0xEF ? 2
                   : first >= 0xF0 && first <= 0xF4 ? 3
                                                    : 0;
  if (more == 0) return broken;
  char32_t c = first & (0x3F >> more);
  unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (int i = 0; i < more; ++i) {
    if (at >= s.size() || byte(at) < low || byte(at) > high) return broken;
    c = (c << 6) | (byte(at++) & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return c;
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

bool is_hidden(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0)           // C0, DEL, C1
         || c == 0x061C || c == 0x200E || c == 0x200F  // direction marks
         || (c >= 0x202A && c <= 0x202E)               // embeddings and overrides
         || (c >= 0x2066 && c <= 0x206F)               // isolates and deprecated controls
         || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE  // noncharacters
         || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB)             // byte order mark, annotations
         || (c >= 0xE0000 && c <= 0xE0FFF);                         // tags
}

/// Skips the rest of a terminal sequence that `kind` began (ECMA-48, 5.4 and 5.6): a control sequence
/// up to its final byte; a string (title, clipboard, …) up to its end mark, or to the line's end
/// where it has none.
void skip_sequence(std::string_view s, std::size_t& at, char32_t kind) {
  if (kind == '[') {
    while (at < s.size() && s[at] >= 0x20 && s[at] <= 0x3F) ++at;
    if (at < s.size() && s[at] >= 0x40 && s[at] <= 0x7E) ++at;
  } else if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    for (; at < s.size() && s[at] != '\n'; ++at) {
      if (s[at] == '\a') return void(++at);
      if (s[at] == '\x1b') return void(at += at + 1 < s.size() && s[at + 1] == '\\' ? 2 : 0);
      if (s[at] == '\xC2' && at + 1 < s.size() && s[at + 1] == '\x9C') return void(at += 2);
    }
  } else if (kind >= 0x20 && kind <= 0x2F) {  // such as the choice of a character set
    while (at < s.size() && s[at] >= 0x20 && s[at] <= 0x2F) ++at;
    if (at < s.size() && s[at] >= 0x30 && s[at] <= 0x7E) ++at;
  }
}

}  // namespace

std::string clean_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const auto c = next_character(bytes, at);
    if (c == '\x1b') {
      if (at >= bytes.size() || bytes[at] < 0x20 || bytes[at] > 0x7E) continue;
      const auto kind = static_cast<char32_t>(bytes[at++]);
      skip_sequence(bytes, at, kind);
    } else if (c == 0x9B || c == 0x9D || c == 0x90 || c == 0x98 || c == 0x9E || c == 0x9F) {
      skip_sequence(bytes, at, c - 0x40);  // the one-character form of the same
    } else if (c == '\r') {
      if (at >= bytes.size() || bytes[at] != '\n') out += '\n';
    } else if (c == '\n' || c == '\t' || !is_hidden(c)) {
      append(out, c);
    }
  }
  return out;
}

std::string cut_text(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  const auto whole = text.size();
  auto end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return fmt::format("{} [cut: {} of {} bytes]", text, end, whole);
}

}  // namespace hocket
