#include "actors/http/age.hpp"

#include <doctest/doctest.h>

using namespace hocket;

TEST_CASE("what age encrypts has the form of the format, and never the same bytes twice") {
  // The recipient of the specification's examples.
  const std::vector<std::string> to{
      "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"};
  const std::string plain(70'000, 'x');
  const auto a = http::age_encrypt(plain, to), b = http::age_encrypt(plain, to);
  REQUIRE_MESSAGE(a, (a ? "" : a.error().message));
  REQUIRE(b);
  CHECK(a.value() != b.value());
  CHECK(a->starts_with("age-encryption.org/v1\n-> X25519 "));
  const auto head = a->find("\n--- ");
  REQUIRE(head != a->npos);
  const auto body = a->find('\n', head + 1) + 1;
  CHECK(a->size() - body == 16 + plain.size() + 2 * 16);  // nonce, two blocks with their tags
  CHECK(http::age_encrypt("", to)->size() > 100);
}

TEST_CASE("recipients that are none are named") {
  for (const std::string r : {"age1qqqq", "ssh-ed25519 AAAA", "",
                              "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk"}) {
    const std::vector<std::string> to{r};
    CHECK(http::age_encrypt("x", to).error().message ==
          "`" + r + "` is no X25519 recipient of age");
  }
  CHECK(http::age_encrypt("x", {}).error().code == "age.bad_recipient");
}
