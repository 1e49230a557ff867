#include "actors/policy/judge/sentence_head.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace hocket;
using namespace hocket::policy;

namespace {

sentence_head small() {
  sentence_head h;
  h.name = "test", h.model = "tiny", h.model_sha256 = std::string(64, 'a'), h.layer = 2;
  h.at_least = 0.75, h.words = 0.5;
  h.harm = {-1.5, {1, -2, 0.125f}};
  h.topics = {{"bombs", {0, {1, 0, 0}}}, {"theft", {0.25, {0, 1, 0}}}};
  return h;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE_MESSAGE(at != text.npos, what);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("a head over states comes back from its file as it was") {
  const auto json = small().to_json();
  const auto again = sentence_head::read("a.json", json);
  REQUIRE_MESSAGE(again, again.error().message);
  CHECK(again->to_json() == json);
  const std::vector<float> state{1, 1, 2};
  CHECK(again->harm.log_odds(state) == doctest::Approx(-1.5 + 1 - 2 + 0.25));
}

TEST_CASE("bad heads over states are refused with file and remedy") {
  const auto good = small().to_json();
  const std::string sum(64, 'a');
  for (const auto& bad :
       {std::string("{}"), std::string("[1]"), std::string("\xff"), replaced(good, sum, "abc"),
        replaced(good, "\"layer\":2", "\"layer\":0"), replaced(good, "\"width\":3", "\"width\":4"),
        replaced(good, "\"width\":3", "\"width\":1e300"),
        replaced(good, "\"at_least\":0.75", "\"at_least\":1.5"),
        replaced(good, "\"words\":0.5", "\"words\":-1"), replaced(good, "-2.0", "1e300"),
        replaced(good, "-2.0", "\"x\""), replaced(good, "\"harm\"", "\"other\""),
        replaced(good, "\"topic\":\"bombs\"", "\"topic\":1")}) {
    CAPTURE(bad);
    const auto read = sentence_head::read("a.json", bad);
    REQUIRE(!read);
    CHECK(read.error().code == "policy.bad_head");
    CHECK(read.error().message.find("a.json") == 0);
    CHECK(read.error().message.find("hocket train judge --language-model") != std::string::npos);
  }
}

TEST_CASE("a head is refused by name where it is of another model") {
  const auto h = small();
  CHECK(h.fits("a.json", "tiny", std::string(64, 'a'), 2, 3));
  const auto other = h.fits("a.json", "big", std::string(64, 'b'), 2, 3);
  REQUIRE(!other);
  CHECK(other.error().code == "policy.bad_head");
  for (const auto& part : {std::string("a.json"), std::string("tiny"), std::string("big"),
                           std::string(64, 'a'), std::string(64, 'b')})
    CHECK(other.error().message.find(part) != std::string::npos);
  CHECK_FALSE(h.fits("a.json", "tiny", std::string(64, 'a'), 1, 3));
  CHECK_FALSE(h.fits("a.json", "tiny", std::string(64, 'a'), 2, 4));
}

TEST_CASE("states are scaled to one length, and what has none stays finite") {
  for (const float by : {1.0f, 1000.0f}) {
    const std::vector<float> state{3 * by, -4 * by};
    const auto s = scaled_state(state);
    CHECK(s[0] == doctest::Approx(3 / std::sqrt(12.5)));
    CHECK(s[1] == doctest::Approx(-4 / std::sqrt(12.5)));
  }
  for (const float x : {0.0f, std::nanf(""), HUGE_VALF}) {
    const std::vector<float> state{x, 0};
    CHECK(scaled_state(state)[1] == 0);
  }
}

TEST_CASE("a text is read in sentences of 32 words that overlap, and every word is in one") {
  CHECK(sentences_of("") == std::vector<std::string>{""});
  CHECK(sentences_of("How to b o m b?") == std::vector<std::string>{"how to bomb"});
  for (const int n : {1, 32, 33, 48, 49, 500}) {
    CAPTURE(n);
    std::string text;
    for (int i = 0; i < n; ++i) text += "w" + std::string(1, static_cast<char>('a' + i % 26)) + " ";
    const auto all = sentences_of(text);
    CHECK(all.size() == (n <= 32 ? 1u : static_cast<std::size_t>((n - 32 + 15) / 16 + 1)));
    for (const auto& s : all) CHECK(std::count(s.begin(), s.end(), ' ') <= 31);
    CHECK(text.ends_with(all.back() + " "));
  }
}
