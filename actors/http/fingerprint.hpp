#pragma once

#include <string>
#include <string_view>

namespace hocket::http {

/// Whether a certificate (PEM) is the one that `a=fingerprint` of a description names: "sha-256 AB:CD:…",
/// SHA-384 and SHA-512 too. False where either cannot be read.
bool is_fingerprint_of(std::string_view fingerprint, std::string_view certificate_pem);

}  // namespace hocket::http
