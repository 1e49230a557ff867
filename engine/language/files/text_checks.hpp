#pragma once

#include <string_view>

namespace hocket::language {

/// True for UTF-8 without control characters: safe in a message on a terminal.
bool is_plain_text(std::string_view text);
/// True for well-formed UTF-8 (no surrogates, nothing over-long, at most U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace hocket::language
