#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::http {

/// Encrypts for the holders of X25519 keys, as the age format (age-encryption.org/v1) has it: any age
/// program opens it. Recipients read `age1...`. *Errors*: age.bad_recipient, naming it; age.failed.
/// *Source*: C2SP age specification; RFC 7748, 5869, 8439; BIP 173 for the spelling of keys.
result<std::string> age_encrypt(std::string_view plain, std::span<const std::string> recipients);

}  // namespace hocket::http
