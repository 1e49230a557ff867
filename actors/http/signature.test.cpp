#include "actors/http/signature.hpp"

#include <doctest/doctest.h>

using namespace hocket::http;

TEST_CASE("messages are signed as RFC 4231 says, and base64 goes there and back") {
  const auto hex = [](const std::string& bytes) {
    std::string out;
    for (const char c : bytes) {
      out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789abcdef"[c & 15];
    }
    return out;
  };
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  for (const char* text : {"", "a", "ab", "abc", "abcd"}) CHECK(of_base64(base64_of(text)) == text);
  CHECK(base64_of("ab") == "YWI=");
  for (const char* bad : {"YWI", "YW=I", "????"}) CHECK(!of_base64(bad));
  CHECK(signing_secret("plain") == "plain");
  CHECK(signing_secret("whsec_YWI=") == "ab");
  CHECK(!signing_secret("whsec_?"));
}
