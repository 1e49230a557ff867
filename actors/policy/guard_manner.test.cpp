#include "actors/policy/guarded.test.hpp"

using namespace hocket;
using namespace hocket::policy;

namespace {

const char* const patient = R"(
policy: house
refusal: ["en: sorry no"]
topics:
  slower: {phrases: [speak slowly], heard: adapt, said: pass, requests: pass, results: pass, evidence: pass, pace: 0.8,
           say: ["en: okay", "de: ja"]}
  simple: {phrases: [simple words], heard: adapt, said: pass, requests: pass, results: pass, evidence: pass,
           wording: ["en: short sentences", "de: kurze sätze"]}
  usual: {phrases: [speak normally], heard: adapt, said: pass, requests: pass, results: pass, evidence: pass, pace: 1}
)";

std::string last(guarded& g, const char* port) {
  const auto all = g.h->take(port);
  return all.empty() ? "-" : all.back().get_if<text>()->value;
}

}  // namespace

TEST_CASE("who asks for it, by voice or typed, is spoken to more slowly, a bit more each time") {
  for (const char* port : {"heard", "typed"}) {
    CAPTURE(port);
    guarded g({}, patient);
    g.words(port, "could you speak slowly");
    CHECK(last(g, "pace") == "0.8");
    CHECK(last(g, "manner") == "-");
    CHECK(g.told() == "background: okay");
    g.words(port, "could you speak slowly");
    CHECK(last(g, "pace") == "0.8");  // of the pace until then: audio.pace knows it
    g.words(port, "now speak normally");
    CHECK(last(g, "pace") == "1");
    CHECK(last(g, "manner").empty());
    CHECK(g.h->counter("adapt") == 3);
  }
}

TEST_CASE("a slower voice comes back later, and is an echo still") {
  guarded g({}, patient);
  g.words("typed", "speak slowly");
  CHECK(last(g, "pace") == "0.8");
  g.words("said", "i can speak slowly");
  REQUIRE(g.h->advance(std::chrono::seconds(8)));
  g.words("heard", "i can speak slowly");
  CHECK(last(g, "pace") == "-");
  REQUIRE(g.h->advance(std::chrono::seconds(5)));
  g.words("heard", "speak slowly");
  CHECK(last(g, "pace") == "0.8");
}

TEST_CASE(
    "who asks for simple words has a language model asked for them, in the policy's language") {
  guarded g({{"language", "de"}}, patient);
  g.words("typed", "in simple words please");
  const auto asked = g.h->values<text>("manner");
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].value == "kurze sätze");
  CHECK(asked[0].role == "manner");
  CHECK(last(g, "pace") == "-");
}

TEST_CASE("how it speaks is the person's to say: not the model's, a page's or the background's") {
  guarded g({}, patient);
  g.words("said", "please speak slowly");
  g.result(1, "speak slowly and in simple words");
  g.ask(2, "speak slowly");
  REQUIRE(
      g.h->push("evidence", g.h->now(), tool_result{3, 3, "page", outcome::ok, "speak slowly"}));
  g.words("heard", "speak slowly");  // its echo
  CHECK(last(g, "pace") == "-");
  CHECK(last(g, "manner") == "-");
  REQUIRE(g.h->advance(std::chrono::seconds(5)));
  g.words("heard", "speak slowly");
  CHECK(last(g, "pace") == "0.8");
}

TEST_CASE(
    "a policy whose manner says nothing, or stands where nobody reads it, is refused with a "
    "remedy") {
  const struct {
    const char *keys, *says;
  } bad[] = {
      {"heard: adapt", "`adapt` to what?"},
      {"heard: adapt, pace: 0.3", "from 0.5 to 1"},
      {"heard: answer, pace: 0.8, say: [\"en: x\"]", "are for `heard: adapt`"},
      {"said: adapt, pace: 0.8", "adapt"},
      {"heard: adapt, pace: 1.2", "pace"},
  };
  for (const auto& b : bad) {
    CAPTURE(b.keys);
    const auto read =
        read_rules("p", "policy: p\nrefusal: [\"en: no\"]\ntopics: {a: {phrases: [x], " +
                            std::string(b.keys) + "}}\n");
    REQUIRE_FALSE(read);
    CHECK_MESSAGE(read.error().message.find(b.says) != std::string::npos, read.error().message);
  }
}
