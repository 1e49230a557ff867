#include "actors/http/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace hocket::http {
namespace {

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed<BIO_free>>;

bool is_address(const std::string& name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

/// The names become part of a line of OpenSSL's configuration language.
bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '*';
  });
}

bool extend(X509* cert, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, freed<X509_EXTENSION_free>> e(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return e && X509_add_ext(cert, e.get(), -1) == 1;
}

bool fill(X509* cert, EVP_PKEY* key, const std::vector<std::string>& names, int days) {
  unsigned char serial[8];
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] &= 0x7f;
  std::unique_ptr<BIGNUM, freed<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  std::string alternatives;
  for (const auto& n : names)
    alternatives +=
        (alternatives.empty() ? "" : ",") + std::string(is_address(n) ? "IP:" : "DNS:") + n;
  auto* who = X509_get_subject_name(cert);
  const auto* common = reinterpret_cast<const unsigned char*>("Hocket on this machine");
  return X509_set_version(cert, X509_VERSION_3) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert)) != nullptr &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * days) != nullptr &&
         X509_set_pubkey(cert, key) == 1 &&
         X509_NAME_add_entry_by_txt(who, "CN", MBSTRING_ASC, common, -1, -1, 0) == 1 &&
         X509_set_issuer_name(cert, who) == 1 &&
         // A client that is given it as its list of authorities wants to see one.
         extend(cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         extend(cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
         extend(cert, NID_ext_key_usage, "serverAuth") &&
         extend(cert, NID_subject_key_identifier, "hash") &&
         extend(cert, NID_subject_alt_name, alternatives) && X509_sign(cert, key, EVP_sha256()) > 0;
}

std::string text_of(BIO* b) {
  char* at = nullptr;
  const auto n = BIO_get_mem_data(b, &at);
  return {at, static_cast<std::size_t>(n)};
}

}  // namespace

result<tls_identity> make_certificate(const std::vector<std::string>& names, int days) {
  if (names.empty() || !std::all_of(names.begin(), names.end(), is_plain))
    return fail("http.bad_certificate", "a certificate needs names or addresses, and plain ones");
  const key_ptr key(EVP_EC_gen("P-256"));
  const cert_ptr cert(X509_new());
  const bio_ptr cert_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  if (!key || !cert || !cert_text || !key_text || !fill(cert.get(), key.get(), names, days) ||
      PEM_write_bio_X509(cert_text.get(), cert.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1)
    return fail("http.bad_certificate", "OpenSSL makes no certificate for these names");
  return tls_identity{text_of(cert_text.get()), text_of(key_text.get())};
}

}  // namespace hocket::http
