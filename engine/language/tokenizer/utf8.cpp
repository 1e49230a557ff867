#include "engine/language/tokenizer/utf8.hpp"

#include <cstdlib>
#include <unordered_map>

#include <utf8proc.h>

namespace hocket::language {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

enum class state { whole, wrong, unfinished };

/// Looks at the bytes at `at`: a whole character of `length` bytes, an ill-formed part of `length`
/// bytes (at least one), or the beginning of a character that the text ends in.
state look(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const auto first = byte(0);
  length = 1;
  if (first < 0x80) return state::whole;
  const std::size_t need = first >= 0xc2 && first <= 0xdf   ? 2
                           : first >= 0xe0 && first <= 0xef ? 3
                           : first >= 0xf0 && first <= 0xf4 ? 4
                                                            : 0;
  if (need == 0) return state::wrong;
  for (; length < need; ++length) {
    if (at + length >= text.size()) return state::unfinished;
    // Unicode, table 3-7: the second byte is narrower after these.
    const auto low = length > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const auto high = length > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(length) < low || byte(length) > high) return state::wrong;
  }
  return state::whole;
}

struct byte_table {
  std::array<char32_t, 256> characters{};
  std::unordered_map<char32_t, std::uint8_t> bytes;
  byte_table() {
    char32_t next = 256;
    for (int b = 0; b < 256; ++b) {
      const bool printable =
          (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
      const auto c = printable ? static_cast<char32_t>(b) : next++;
      characters[static_cast<std::size_t>(b)] = c;
      bytes[c] = static_cast<std::uint8_t>(b);
    }
  }
};
const byte_table& table() {
  static const byte_table one;
  return one;
}

}  // namespace

std::size_t character_length(char lead) {
  const auto c = static_cast<unsigned char>(lead);
  return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

void append_utf8(std::string& to, char32_t c) {
  const auto put = [&](char32_t v) { to += static_cast<char>(v); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto n = std::min(character_length(text[i]), text.size() - i);
    auto c = static_cast<char32_t>(static_cast<unsigned char>(text[i]));
    c &= n == 1 ? 0x7fu : n == 2 ? 0x1fu : n == 3 ? 0x0fu : 0x07u;
    for (std::size_t k = 1; k < n; ++k)
      c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
    out += c;
    i += n;
  }
  return out;
}

std::string well_formed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0, n = 0; i < text.size(); i += n) {
    if (look(text, i, n) == state::whole)
      out += text.substr(i, n);
    else
      out += replacement;
  }
  return out;
}

result<std::string> nfc(std::string_view text) {
  bool ascii = true;
  for (const char c : text) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  if (ascii) return std::string(text);
  utf8proc_uint8_t* out = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &out,
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (n < 0) return fail("tokenizer.text", utf8proc_errmsg(n));
  std::string composed(reinterpret_cast<const char*>(out), static_cast<std::size_t>(n));
  std::free(out);
  return composed;
}

char32_t character_of_byte(std::uint8_t byte) { return table().characters[byte]; }

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string out;
  for (const auto c : code_points(token)) {
    const auto found = table().bytes.find(c);
    if (found == table().bytes.end()) return std::nullopt;
    out += static_cast<char>(found->second);
  }
  return out;
}

std::optional<char> byte_of_name(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

std::string utf8_stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  std::size_t i = 0;
  while (i < pending_.size()) {
    std::size_t n = 0;
    const auto seen = look(pending_, i, n);
    if (seen == state::unfinished) break;
    if (seen == state::whole)
      out.append(pending_, i, n);
    else
      out += replacement;
    i += n;
  }
  pending_.erase(0, i);
  return out;
}

std::string utf8_stream::finish() {
  const bool left = !pending_.empty();
  pending_.clear();
  return left ? std::string(replacement) : std::string();
}

}  // namespace hocket::language
