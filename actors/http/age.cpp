#include "actors/http/age.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace hocket::http {
namespace {

using bytes32 = std::array<unsigned char, 32>;
using key_pointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string_view view(const bytes32& b) { return {reinterpret_cast<const char*>(b.data()), 32}; }
const unsigned char* raw(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

/// Base64 without padding.
std::string base64(std::string_view in) {
  std::string out(4 * ((in.size() + 2) / 3) + 1, '\0');
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                      raw(in), static_cast<int>(in.size()))));
  while (out.ends_with('=')) out.pop_back();
  return out;
}

/// The key in `age1...` (BIP 173: words of five bits, the last six a check sum).
std::optional<bytes32> read_recipient(std::string_view text) {
  constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", prefix = "age1";
  if (!text.starts_with(prefix) || text.size() != 62) return std::nullopt;
  std::vector<unsigned> words{'a' >> 5, 'g' >> 5, 'e' >> 5, 0, 'a' & 31, 'g' & 31, 'e' & 31};
  for (const char c : text.substr(prefix.size())) {
    const auto at = alphabet.find(c);
    if (at == alphabet.npos) return std::nullopt;
    words.push_back(static_cast<unsigned>(at));
  }
  std::uint32_t sum = 1;
  constexpr std::uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
  for (const auto w : words) {
    const auto top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ w;
    for (int i = 0; i < 5; ++i) sum ^= top >> i & 1 ? generator[i] : 0;
  }
  if (sum != 1) return std::nullopt;
  bytes32 key{};
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t n = 0;
  for (std::size_t i = 7; i + 6 < words.size(); ++i) {
    bits = bits << 5 | words[i];
    for (held += 5; held >= 8 && n < key.size(); held -= 8)
      key[n++] = static_cast<unsigned char>(bits >> (held - 8));
  }
  return n == key.size() ? std::optional(key) : std::nullopt;
}

bool derive(std::string_view secret, std::string_view salt, std::string_view info, bytes32& out) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  const auto octets = [](const char* name, std::string_view s) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(s.data()), s.size());
  };
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1;
}

/// ChaCha20-Poly1305 with its tag behind; "" where it failed.
std::string seal(const bytes32& key, const unsigned char* nonce, std::string_view plain) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> c(EVP_CIPHER_CTX_new(),
                                                                          EVP_CIPHER_CTX_free);
  std::string out(plain.size() + 16, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int n = 0, more = 0;
  const bool fine =
      EVP_EncryptInit_ex(c.get(), EVP_chacha20_poly1305(), nullptr, key.data(), nonce) == 1 &&
      EVP_EncryptUpdate(c.get(), to, &n, raw(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(c.get(), to + n, &more) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, 16, to + plain.size()) == 1;
  return fine ? out : "";
}

/// The lines of the header that let one recipient open it; "" where it failed.
std::string stanza(const bytes32& recipient, std::string_view file_key) {
  const key_pointer own(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
  const key_pointer theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, recipient.data(), recipient.size()),
      EVP_PKEY_free);
  if (!own || !theirs) return "";
  bytes32 share{}, secret{}, key{};
  std::size_t size = share.size(), secret_size = secret.size();
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> c(
      EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
  if (EVP_PKEY_get_raw_public_key(own.get(), share.data(), &size) != 1 ||
      EVP_PKEY_derive_init(c.get()) != 1 || EVP_PKEY_derive_set_peer(c.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(c.get(), secret.data(), &secret_size) != 1)
    return "";
  const auto salt = std::string(view(share)) + std::string(view(recipient));
  const unsigned char nonce[12] = {};
  if (!derive(view(secret), salt, "age-encryption.org/v1/X25519", key)) return "";
  const auto wrapped = seal(key, nonce, file_key);
  if (wrapped.empty()) return "";
  return "-> X25519 " + base64(view(share)) + "\n" + base64(wrapped) + "\n";
}

/// Blocks of 64 KiB, each with a count and the last with a mark; "" where it failed.
std::string payload(const bytes32& key, std::string_view plain) {
  constexpr std::size_t block = 64 * 1024;
  std::string out;
  std::array<unsigned char, 12> nonce{};
  for (std::size_t at = 0, n = 0; n == 0 || at < plain.size(); at += block, ++n) {
    for (std::size_t i = 0; i < 8; ++i) nonce[10 - i] = static_cast<unsigned char>(n >> (8 * i));
    nonce[11] = at + block >= plain.size() ? 1 : 0;
    const auto sealed = seal(key, nonce.data(), plain.substr(at, block));
    if (sealed.empty()) return "";
    out += sealed;
  }
  return out;
}

}  // namespace

result<std::string> age_encrypt(std::string_view plain, std::span<const std::string> recipients) {
  const auto failed = [] { return fail("age.failed", "the encryption failed"); };
  std::string file_key(16, '\0'), nonce(16, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(file_key.data()), 16) != 1 ||
      RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), 16) != 1)
    return failed();
  std::string head = "age-encryption.org/v1\n";
  for (const auto& r : recipients) {
    const auto key = read_recipient(r);
    if (!key)
      return fail("age.bad_recipient", "`" + r.substr(0, 80) + "` is no X25519 recipient of age");
    const auto lines = stanza(*key, file_key);
    if (lines.empty()) return failed();
    head += lines;
  }
  if (recipients.empty()) return fail("age.bad_recipient", "no recipient is given");
  head += "---";
  bytes32 mac_key{}, body_key{}, mac{};
  unsigned size = mac.size();
  if (!derive(file_key, "", "header", mac_key) || !derive(file_key, nonce, "payload", body_key) ||
      HMAC(EVP_sha256(), mac_key.data(), mac_key.size(), raw(head), head.size(), mac.data(),
           &size) == nullptr)
    return failed();
  const auto body = payload(body_key, plain);
  if (body.empty()) return failed();
  return head + " " + base64(view(mac)) + "\n" + nonce + body;
}

}  // namespace hocket::http
