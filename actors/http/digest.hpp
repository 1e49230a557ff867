#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hocket::http {

/// SHA-256, as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// `bytes` random bytes that nobody can guess, in letters and digits that a URL and a header take as
/// they are (base64url). Throws nothing; a machine without randomness ends the process.
std::string random_token(std::size_t bytes);

/// Whether they are the same, in a time that depends on the length of `given` only.
bool same_secret(std::string_view given, std::string_view expected);

}  // namespace hocket::http
