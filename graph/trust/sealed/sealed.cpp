#include "graph/trust/sealed/sealed.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "graph/trust/read_file.hpp"

namespace hocket::trust {
namespace {

constexpr auto magic = sealed_magic;
constexpr std::size_t salt_at = 16, salt_bytes = 16, check_at = 32, key_bytes = 32;
constexpr std::size_t nonce_bytes = 12, tag_bytes = 16;
constexpr char of_key = 1, of_words = 2;
constexpr std::size_t ends_at = 9;  ///< in a head: 1 where ends are marked
constexpr std::size_t shortest_words = 16;

tl::unexpected<error> failed(const char* what) {
  return fail("seal.failed", std::string("sealing: ") + what);
}

unsigned char* bytes_of(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }
const unsigned char* bytes_of(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_hex_key(std::string_view text) {
  if (text.size() != 2 * key_bytes) return false;
  for (const char c : text)
    if (digit(c) < 0) return false;
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.remove_suffix(1);
  while (!text.empty() && std::strchr(" \t\r\n", text.front()) != nullptr) text.remove_prefix(1);
  return text;
}

result<shared_secret> checked(std::string_view text, const std::string& from) {
  text = trimmed(text);
  if (is_hex_key(text) || text.size() >= shortest_words) return shared_secret(text);
  return fail("seal.bad_key", from +
                                  ": a key has 64 hexadecimal digits (openssl rand -hex 32), or "
                                  "is words of 16 bytes at least");
}

/// 32 bytes, from digits or, slowly on purpose (scrypt, 32 MiB), from words.
result<secret> master(std::string_view key, char kind, std::string_view salt) {
  std::array<char, key_bytes> out{};
  bool done = true;
  if (kind == of_key && is_hex_key(key))
    for (std::size_t i = 0; i < key_bytes; ++i)
      out[i] = static_cast<char>(digit(key[2 * i]) * 16 + digit(key[2 * i + 1]));
  else
    done = EVP_PBE_scrypt(key.data(), key.size(), bytes_of(salt), salt.size(), 1 << 15, 8, 1,
                          64u << 20, reinterpret_cast<unsigned char*>(out.data()), out.size()) == 1;
  secret made(std::string_view(out.data(), done ? out.size() : 0));
  ::explicit_bzero(out.data(), out.size());
  if (!done) return failed("no key could be made of these words");
  return made;
}

/// `marks_end` is part of what the key is made of: nobody can say that a file has no end to mark.
bool expand(std::string_view from, std::string_view salt, bool marks_end, unsigned char* to,
            std::size_t n) {
  const std::string_view info = marks_end ? "hocket sealed file 2" : "hocket sealed file 1";
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> c(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  return c && EVP_PKEY_derive_init(c.get()) == 1 &&
         EVP_PKEY_CTX_set_hkdf_md(c.get(), EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_salt(c.get(), bytes_of(salt), static_cast<int>(salt.size())) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_key(c.get(), bytes_of(from), static_cast<int>(from.size())) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(c.get(), bytes_of(info), static_cast<int>(info.size())) == 1 &&
         EVP_PKEY_derive(c.get(), to, &n) == 1;
}

using cipher = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;
cipher fresh_cipher() { return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free}; }

void put_number(std::string& to, std::uint64_t n, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(n >> (8 * i) & 255);
}

}  // namespace

result<shared_secret> sealing_key() {
  if (const char* value = std::getenv("HOCKET_SEAL_KEY"); value != nullptr && *value != '\0') {
    note_secret("HOCKET_SEAL_KEY", value);
    return checked(value, "HOCKET_SEAL_KEY");
  }
  const char* file = std::getenv("HOCKET_SEAL_KEY_FILE");
  if (file == nullptr || *file == '\0') return shared_secret();
  auto text = read_private_file(file, 4096);
  if (!text) return fail("seal.bad_key", "HOCKET_SEAL_KEY_FILE: " + text.error().message);
  auto made = checked(*text, file);
  note_secret("HOCKET_SEAL_KEY", trimmed(*text));
  wipe(*text);
  return made;
}

bool is_sealed(std::string_view first_bytes) { return first_bytes.starts_with(magic); }

error needs_key(const std::string& path) {
  return {"seal.needs_key", path +
                                ": it is sealed; the variable HOCKET_SEAL_KEY, or a file that "
                                "HOCKET_SEAL_KEY_FILE names, must hold the key it was written "
                                "with"};
}

bool seal::marks_end() const { return head_[ends_at] == 1; }

result<void> seal::derive(const shared_secret& key, std::string& check) {
  const auto salt = std::string_view(head_).substr(salt_at, salt_bytes);
  const auto from = master(key.exposed(), head_[magic.size()], salt);
  if (!from) return fail(from);
  std::array<unsigned char, 2 * key_bytes> out{};
  const bool done = expand(from->exposed(), salt, marks_end(), out.data(), out.size());
  if (done) {
    key_ = secret({reinterpret_cast<const char*>(out.data()), key_bytes});
    check.assign(reinterpret_cast<const char*>(out.data()) + key_bytes, key_bytes);
  }
  ::explicit_bzero(out.data(), out.size());
  if (!done) return failed("no key of the file could be made");
  return {};
}

result<std::unique_ptr<seal>> seal::fresh(const shared_secret& key) {
  std::string head(magic), check;
  head.resize(check_at, '\0');
  head[magic.size()] = is_hex_key(key.exposed()) ? of_key : of_words;
  head[ends_at] = 1;
  if (RAND_bytes(bytes_of(head) + salt_at, salt_bytes) != 1) return failed("no random numbers");
  std::unique_ptr<seal> made(new seal(std::move(head)));
  HOCKET_TRY(made->derive(key, check));
  made->head_ += check;
  return made;
}

result<std::unique_ptr<seal>> seal::of(const shared_secret& key, std::string_view head) {
  if (head.size() < sealed_head_bytes || !is_sealed(head) ||
      (head[magic.size()] != of_key && head[magic.size()] != of_words))
    return fail("seal.damaged", "the head of a sealed file is damaged");
  std::string check;
  std::unique_ptr<seal> made(new seal(std::string(head.substr(0, sealed_head_bytes))));
  // Words are asked of words alone: slowness is for whoever guesses them.
  if ((head[magic.size()] == of_key) == is_hex_key(key.exposed())) {
    HOCKET_TRY(made->derive(key, check));
    if (check == head.substr(check_at, key_bytes)) return made;
  }
  return fail("seal.wrong_key", "it was sealed with another key");
}

std::optional<std::size_t> plain_size(std::string_view head) {
  if (head.size() < 4) return {};
  std::size_t n = 0;
  for (int i = 3; i >= 0; --i) n = n << 8 | static_cast<unsigned char>(head[i]);
  if (n > frame_bytes_max) return {};
  return n;
}

result<std::string> seal::close(std::uint64_t n, std::string_view plain) const {
  std::string out, place;
  put_number(out, plain.size(), 4);
  put_number(place, n, 8);
  place += out;
  out.resize(out.size() + nonce_bytes + plain.size() + tag_bytes);
  auto* const nonce = bytes_of(out) + 4;
  auto* const text = nonce + nonce_bytes;
  const auto c = fresh_cipher();
  int size = 0;
  // Drawn, not counted: a frame that the disk refused may come again with other bytes.
  const bool done =
      c && RAND_bytes(nonce, nonce_bytes) == 1 &&
      EVP_EncryptInit_ex(c.get(), EVP_chacha20_poly1305(), nullptr, bytes_of(key_.exposed()),
                         nonce) == 1 &&
      EVP_EncryptUpdate(c.get(), nullptr, &size, bytes_of(place), static_cast<int>(place.size())) ==
          1 &&
      EVP_EncryptUpdate(c.get(), text, &size, bytes_of(plain), static_cast<int>(plain.size())) ==
          1 &&
      EVP_EncryptFinal_ex(c.get(), text + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, text + plain.size()) == 1;
  if (!done) return failed("the cipher");
  return out;
}

result<std::string> seal::close_all(std::uint64_t& n, std::string_view plain) const {
  std::string out;
  while (!plain.empty()) {
    const auto part = plain.substr(0, frame_bytes_max);
    const auto frame = close(n, part);
    if (!frame) return fail(frame);
    out += *frame;
    ++n;
    plain.remove_prefix(part.size());
  }
  return out;
}

result<std::string> seal::open(std::uint64_t n, std::string_view frame) const {
  const auto bad = [&] {
    return fail("seal.damaged", "a part of a sealed file was changed, or is not in its place");
  };
  const auto size = plain_size(frame);
  if (!size || (*size == 0 && !marks_end()) || frame.size() != *size + frame_extra_bytes)
    return bad();
  std::string place, out(*size, '\0'), tag(frame.substr(frame.size() - tag_bytes));
  put_number(place, n, 8);
  place += frame.substr(0, 4);
  const auto* const nonce = bytes_of(frame) + 4;
  const auto c = fresh_cipher();
  int done = 0;
  if (c &&
      EVP_DecryptInit_ex(c.get(), EVP_chacha20_poly1305(), nullptr, bytes_of(key_.exposed()),
                         nonce) == 1 &&
      EVP_DecryptUpdate(c.get(), nullptr, &done, bytes_of(place), static_cast<int>(place.size())) ==
          1 &&
      EVP_DecryptUpdate(c.get(), bytes_of(out), &done, nonce + nonce_bytes,
                        static_cast<int>(*size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(c.get(), bytes_of(out) + done, &done) == 1)
    return out;
  return bad();
}

result<line_seal> line_seal::begin() {
  const auto key = sealing_key();
  if (!key) return fail(key);
  line_seal made;
  if (key->empty()) return made;
  auto with = seal::fresh(*key);
  if (!with) return fail(with);
  made.seal_ = std::move(*with);
  return made;
}

result<std::string> line_seal::sealed(std::string_view text) {
  if (!seal_) return std::string(text);
  next_ = frames_;
  auto out = seal_->close_all(next_, text);
  if (!out || frames_ > 0) return out;
  return seal_->head() + *out;
}

void line_seal::took() { frames_ = next_; }

result<std::string> line_seal::end() const {
  if (!seal_) return std::string();
  auto out = seal_->end(frames_);
  if (!out || frames_ > 0) return out;
  return seal_->head() + *out;
}

}  // namespace hocket::trust
