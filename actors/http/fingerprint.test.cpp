#include "actors/http/fingerprint.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <doctest/doctest.h>

#include <memory>

#include "actors/http/certificate.hpp"

using namespace hocket::http;

TEST_CASE("a certificate is the one that a fingerprint names, or it is not") {
  const auto made = make_certificate({"localhost"});
  REQUIRE(made);
  const auto& pem = made->certificate_chain;
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> x(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  REQUIRE(X509_digest(x.get(), EVP_sha256(), bytes, &size) == 1);
  std::string own, low;
  for (unsigned i = 0; i < size; ++i) {
    char text[4];
    std::snprintf(text, sizeof text, "%s%02X", i > 0 ? ":" : "", bytes[i]);
    own += text;
    std::snprintf(text, sizeof text, "%s%02x", i > 0 ? ":" : "", bytes[i]);
    low += text;
  }
  CHECK(is_fingerprint_of("sha-256 " + own, pem));
  CHECK(is_fingerprint_of("SHA-256 " + low, pem));
  CHECK(!is_fingerprint_of("sha-384 " + own, pem));
  CHECK(!is_fingerprint_of("sha-256 " + own.substr(3), pem));
  own[0] = own[0] == 'A' ? 'B' : 'A';
  CHECK(!is_fingerprint_of("sha-256 " + own, pem));
  CHECK(!is_fingerprint_of("", pem));
  CHECK(!is_fingerprint_of("sha-256", pem));
  CHECK(!is_fingerprint_of("md5 00", pem));
  CHECK(!is_fingerprint_of("sha-256 " + low, "no certificate"));
}
