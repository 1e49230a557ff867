#include "actors/background/answer_text.hpp"

#include <doctest/doctest.h>

#include <random>

#include "graph/text/number_words.hpp"

using namespace hocket;
using namespace hocket::background;

namespace {

std::string first(const answer_text& t, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : " ") + t.word(i);
  return out;
}

}  // namespace

TEST_CASE("words are told as they come, but for the last one that was written") {
  answer_text t(true);
  const auto told = [&](tell_when when) { return first(t, t.ready(when)); };
  CHECK(told(tell_when::words) == "");
  t.add("It is 56");
  CHECK(told(tell_when::words) == "it is");  // "56" may become "56 million", and it is two words
  CHECK(told(tell_when::sentences) == "");
  t.add("degrees. Dr. Li");
  CHECK(told(tell_when::words) == "it is fifty six degrees dr");
  CHECK(told(tell_when::sentences) == "it is fifty six degrees");
  CHECK(told(tell_when::whole) == "");
  t.end();
  for (const auto when : {tell_when::words, tell_when::sentences, tell_when::whole})
    CHECK(told(when) == "it is fifty six degrees dr li");
}

TEST_CASE("a sentence that is whole waits for what follows: it may be the last one") {
  answer_text t(true);
  t.add("It rains.");
  CHECK(t.ready(tell_when::sentences) == 0);
  t.add("Then");
  CHECK(t.ready(tell_when::sentences) == 2);
  answer_text written(false, "(\"Really?\") a b");
  CHECK(written.size() == 3);
  CHECK(written.cut(0, 2) == 1);
}

TEST_CASE("a part ends with a sentence, or before a word; no number is cut in two") {
  const answer_text t(true, "One two three. Four five six 1956 nine.");
  CHECK(first(t, t.size()) ==
        "one two three four five six one thousand nine hundred fifty six nine");
  CHECK(t.cut(0, 20) == std::nullopt);
  CHECK(t.cut(0, 4) == 3);   // behind the sentence
  CHECK(t.cut(0, 6) == 3);   // half of the part is left
  CHECK(t.cut(3, 5) == 6);   // before 1956
  CHECK(t.cut(6, 3) == 9);   // a number that no part holds
  CHECK(t.cut(6, 6) == 12);  // 1956
  CHECK(t.cut(12, 1) == std::nullopt);
}

TEST_CASE("marks alone are no word, and what is not clean is cleaned") {
  const answer_text t(true, " - * \x1b[2J ... \xFF hello \x07 ");
  CHECK(t.size() >= 1);
  CHECK(t.word(t.size() - 1) == "hello");
  CHECK(answer_text(true, "!!! ...").size() == 0);
  CHECK(answer_text(true, std::string(100'000, 'a') + " b").size() == 2);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "a ";
  CHECK(answer_text(true, many).size() == answer_text::most_words);
}

TEST_CASE("wherever an answer is taken apart between words, it is the same") {
  std::mt19937 random(7);
  const std::vector<std::string> words = {"it",       "56",     "7:30",  "2.5",   "-3",
                                          "Mr.",      "rains.", "done!", "1,000", "...",
                                          "\xC3\xA4", "a.m.",   "(so)"};
  for (int round = 0; round < 200; ++round) {
    std::string whole;
    answer_text pieces(true);
    for (int i = 0; i < 12; ++i) {
      const auto& w = words[random() % words.size()];
      whole += (whole.empty() ? "" : " ") + w;
      pieces.add(w);
      for (const auto when : {tell_when::words, tell_when::sentences})
        CHECK(pieces.ready(when) < std::max<std::size_t>(1, pieces.size()));
    }
    pieces.end();
    const answer_text once(true, whole);
    CAPTURE(whole);
    CHECK(first(pieces, pieces.size()) == speakable(whole));
    REQUIRE(once.size() == pieces.size());
    CHECK(once.begins_like(pieces, once.size()));
    for (std::size_t from = 0; from < once.size(); ++from)
      for (std::size_t most = 1; most < 6; ++most) {
        CHECK(once.cut(from, most) == pieces.cut(from, most));
        if (const auto at = once.cut(from, most)) {
          CHECK(*at > from);
          CHECK(*at <= from + most);
        }
      }
  }
}
