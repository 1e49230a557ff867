#include "actors/http/digest.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace hocket::http;

TEST_CASE("digests are SHA-256, tokens are never the same") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::set<std::string> seen;
  for (std::size_t bytes : {1u, 2u, 3u, 16u, 32u})
    for (int i = 0; i < 3; ++i) {
      const auto t = random_token(bytes);
      CHECK(t.size() == (bytes * 8 + 5) / 6);
      CHECK(t.find_first_not_of(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == t.npos);
      if (bytes >= 16) CHECK(seen.insert(t).second);
    }
  CHECK(same_secret("abc", "abc"));
  for (const char* bad : {"", "ab", "abcd", "abd", "abcabc"}) CHECK(!same_secret(bad, "abc"));
  CHECK(!same_secret("", ""));
}
