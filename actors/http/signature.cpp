#include "actors/http/signature.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "graph/core/assert.hpp"

namespace hocket::http {

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  HOCKET_ASSERT(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(),
                          reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                          digest.data(), digest.size(), &size) != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string base64_of(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // the library ends it with a zero
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::optional<std::string> of_base64(std::string_view text) {
  // Padding ends it; the library takes it anywhere.
  const auto padded = std::min(text.find('='), text.size());
  if (text.size() % 4 != 0 || text.size() - padded > 2 ||
      text.find_first_not_of('=', padded) != text.npos)
    return {};
  std::string out(text.size() / 4 * 3, '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(text.data()),
                                static_cast<int>(text.size()));
  if (n < 0 || static_cast<std::size_t>(n) != out.size()) return {};
  const auto padding = text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u;
  out.resize(out.size() - padding);
  return out;
}

std::optional<std::string> signing_secret(std::string_view said) {
  constexpr std::string_view prefix = "whsec_";
  if (!said.starts_with(prefix)) return std::string(said);
  return of_base64(said.substr(prefix.size()));
}

}  // namespace hocket::http
