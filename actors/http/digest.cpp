#include "actors/http/digest.hpp"

#include <array>
#include <vector>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "graph/core/assert.hpp"

namespace hocket::http {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HOCKET_ASSERT(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

std::string random_token(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  HOCKET_ASSERT(RAND_bytes(random.data(), static_cast<int>(bytes)) == 1);
  constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const auto byte : random) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 6; held -= 6) out += alphabet[bits >> (held - 6) & 63];
  }
  if (held > 0) out += alphabet[bits << (6 - held) & 63];
  return out;
}

bool same_secret(std::string_view given, std::string_view expected) {
  unsigned differs = given.size() == expected.size() && !expected.empty() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    differs |= static_cast<unsigned char>(
        given[i] ^ (expected.empty() ? '\0' : expected[i % expected.size()]));
  return differs == 0;
}

}  // namespace hocket::http
