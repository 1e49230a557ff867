#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hocket::http {

/// HMAC with SHA-256: 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// Base64 with padding, and back; nothing where it is none.
std::string base64_of(std::string_view bytes);
std::optional<std::string> of_base64(std::string_view text);

/// The bytes of a signing secret as people write it: base64 behind `whsec_`, or the text itself.
std::optional<std::string> signing_secret(std::string_view said);

}  // namespace hocket::http
