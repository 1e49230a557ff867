#include "graph/text/number_words.hpp"

#include <doctest/doctest.h>

using namespace hocket;

TEST_CASE("number_words says a number in English") {
  CHECK(number_words(0) == "zero");
  CHECK(number_words(56) == "fifty six");
  CHECK(number_words(-3) == "minus three");
  CHECK(number_words(100) == "one hundred");
  CHECK(number_words(221'004) == "two hundred twenty one thousand four");
  CHECK(number_words(9'000'000'000'001) == "9000000000001");
}

TEST_CASE("with_digits finds numbers among words") {
  CHECK(with_digits("What's seven times twenty-one?") == "what's 7 times 21");
  CHECK(with_digits("two hundred and five plus ninety nine") == "205 plus 99");
  CHECK(with_digits("one two three") == "1 2 3");
  CHECK(with_digits("three thousand four hundred") == "3400");
  CHECK(with_digits("you and me") == "you and me");
  CHECK(with_digits("one hundred and me") == "100 and me");
  CHECK(with_digits("") == "");
}

TEST_CASE("with_digits undoes number_words") {
  for (std::int64_t n = 0; n < 200'000; n += n < 2000 ? 1 : 977)
    REQUIRE(with_digits(number_words(n)) == std::to_string(n));
}

TEST_CASE("speakable writes figures out") {
  CHECK(speakable("56") == "fifty six");
  CHECK(speakable("2.5") == "two point five");
  CHECK(speakable("-7, and 10:05!") == "minus seven and ten oh five");
  CHECK(speakable("10:30") == "ten thirty");
  CHECK(speakable("9:00") == "nine");
  CHECK(speakable("Sunny in Paris.") == "sunny in paris");
}
