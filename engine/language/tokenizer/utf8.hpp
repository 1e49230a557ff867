#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::language {

/// Bytes of the first character as its lead byte says: 1 for a byte that begins none.
std::size_t character_length(char lead);
void append_utf8(std::string& to, char32_t c);
/// Decodes well-formed UTF-8.
std::u32string code_points(std::string_view text);
/// `text` with U+FFFD for each maximal ill-formed part: what Python's decoder makes of it.
std::string well_formed(std::string_view text);
/// Unicode's normal form C. *Errors* (`tokenizer.text`): what the library says.
result<std::string> nfc(std::string_view text);

/// Byte-level vocabularies write each byte as one printable character (GPT-2's table).
char32_t character_of_byte(std::uint8_t byte);
/// The bytes behind such a token; none where it has a character outside of the table.
std::optional<std::string> bytes_of_token(std::string_view token);

/// The byte that a token named like `<0x0A>` stands for.
std::optional<char> byte_of_name(std::string_view token);

/// Puts characters together from pieces that may end inside one.
///
/// `push` gives what is whole, ill-formed bytes as U+FFFD; at most three bytes wait. `finish` gives
/// U+FFFD where some were left.
class utf8_stream {
 public:
  std::string push(std::string_view bytes);
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace hocket::language
