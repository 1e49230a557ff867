#pragma once

#include <string>
#include <string_view>

namespace hocket {

/// Text from outside (a tool, a script, a server), for everything that comes after: recordings, the
/// wire, pictures, terminals.
///
/// The result is well-formed UTF-8 (each broken sequence is one U+FFFD) without control characters:
/// newline and tab stay, `\r\n` and `\r` are newlines, other C0, C1 and DEL go, terminal escape
/// sequences (colour, title, clipboard, …) go whole, and so do marks that turn the direction of
/// writing over or are invisible by design (bidi controls, tags, noncharacters). Idempotent.
std::string clean_text(std::string_view bytes);

/// The first `limit` bytes of a text, cut between characters, and then a sign that says so:
/// "abc [cut: 3 of 9 bytes]". A text within the limit is left as it is.
std::string cut_text(std::string text, std::size_t limit);

}  // namespace hocket
