#include <doctest/doctest.h>

#include "actors/gateway/tinker/keys/api_keys.hpp"
#include "actors/gateway/tinker/keys/usage.hpp"

using namespace hocket::tinker;
using namespace std::chrono_literals;

TEST_CASE("keys of a file: owners, scopes and quotas; bare keys as well") {
  const tenant lab{
      "lab", 3, {.models = 2, .stored_mib = 10, .tokens_per_minute = 600, .futures = 5}};
  const auto line = key_line(lab, "tml-secret-of-the-lab");
  CHECK(line.find("secret") == line.npos);
  const auto keys = api_keys::parse("# all\n" + line + "tml-bare-key-of-old ann # hers\n\n" +
                                        "tml-another-of-them ann scopes=sample,admin\n",
                                    "k");
  REQUIRE(keys);
  CHECK(keys->tenants().size() == 3);
  const auto found = keys->find("tml-secret-of-the-lab");
  REQUIRE(found);
  CHECK(found->owner == "lab");
  CHECK(names_of_scopes(found->scopes) == "train,sample");
  CHECK(found->most.models == 2);
  CHECK(found->most.stored_mib == 10);
  CHECK(found->most.tokens_per_minute == 600);
  CHECK(found->most.futures == 5);
  CHECK(!found->may(scope::exports));
  const auto ann = keys->find("tml-bare-key-of-old");
  REQUIRE(ann);
  CHECK(ann->owner == "ann");
  CHECK(names_of_scopes(ann->scopes) == "train,sample,export");
  CHECK(keys->find("tml-another-of-them")->may(scope::admin));
  CHECK(!keys->find("tml-secret-of-the-la"));
  CHECK(!keys->find(""));
  CHECK(!keys->find("lab"));
}

TEST_CASE("what is wrong in a key file is named by its line, without a key") {
  const std::string digest(64, 'a');
  for (const auto& [text, words] : {
           std::pair{std::string("\ntml-only-a-key-here"), "k:2: a line is"},
           {"short ann", "12 characters"},
           {"ann sha256:abc", "64 digits"},
           {"ann sha256:" + digest + " scopes=train,root", "scopes are"},
           {"ann sha256:" + digest + " scopes=", "scopes are"},
           {"ann sha256:" + digest + " models=0", "above 0"},
           {"ann sha256:" + digest + " futures=1x", "above 0"},
           {"ann sha256:" + digest + " models=99999999999999999999", "above 0"},
           {"tml-a-secret-key ann tml-other-secret-key", "a setting is"},
           {"tml-a-secret-key ann\ntml-a-secret-key bob", "k:2: this key is there twice"},
           {"tml-a-secret-key ann\n\ntml-a-secret-key-too ann models=2",
            "k:3: its quotas are others than those of line 1"},
           {"tml-a-secret-key ann futures=3\nann sha256:" + digest,
            "k:2: its quotas are others than those of line 1"},
       }) {
    CAPTURE(text);
    const auto keys = api_keys::parse(text, "k");
    REQUIRE(!keys);
    CHECK(keys.error().code == "tinker.bad_keys");
    CHECK(keys.error().message.find(words) != std::string::npos);
    CHECK(keys.error().message.find("secret") == std::string::npos);
  }
}

TEST_CASE("tokens of a minute come back evenly, and what was not used at once") {
  tenant_usage usage;
  const tenant t{"a", 7, {.tokens_per_minute = 600}}, other{"b", 7, {.tokens_per_minute = 600}};
  const tenant_usage::clock::time_point begin{};
  CHECK(usage.take(t, 500, begin));
  CHECK(usage.left(t, begin) == 100);
  CHECK(usage.left(other, begin) == 600);
  auto no = usage.take(t, 200, begin);
  REQUIRE(!no);
  CHECK(no.error().code == "tinker.rate_limited");
  CHECK(no.error().message.find("10 s") != std::string::npos);
  CHECK(usage.take(other, 200, begin));
  CHECK(usage.take(t, 200, begin + 10s));
  CHECK(usage.take(t, 601, begin + 1h).error().code == "tinker.quota");
  CHECK(usage.take(t, 600, begin + 1h));
  CHECK(!usage.take(t, 1, begin + 1h));
  usage.give_back(t, 100, begin + 1h);
  CHECK(usage.left(t, begin + 1h) == 100);
  usage.give_back(t, 10'000, begin + 1h);
  CHECK(usage.left(t, begin + 1h) == 600);
  const tenant free{"c"};
  CHECK(usage.take(free, 1'000'000'000, begin));
}
