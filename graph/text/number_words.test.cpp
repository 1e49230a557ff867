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
  CHECK(with_digits("two thousand and five") == "2005");
  CHECK(with_digits("two million and five") == "2000005");
  CHECK(with_digits("three billion two million five hundred thousand and one") == "3002500001");
  CHECK(with_digits("a hundred, a thousand or a million") == "a 100 a 1000 or a 1000000");
  CHECK(with_digits("2 million and 3 thousand people") == "2000000 and 3000 people");
  CHECK(with_digits("2 hundred, 2.5 million, 20 5") == "2 hundred 2.5 million 20 5");
  // Each is a number of its own.
  CHECK(with_digits("two hundred and three hundred") == "200 and 300");
  CHECK(with_digits("two hundred three hundred five") == "200 305");
  CHECK(with_digits("one thousand two thousand") == "1000 2000");
  CHECK(with_digits("one thousand and two million") == "1000 and 2000000");
  CHECK(with_digits("two hundred and five thousand") == "205000");
  CHECK(with_digits("two thousand zero") == "2000 0");
  CHECK(with_digits("twenty zero and twenty twenty") == "20 0 and 20 20");
  CHECK(with_digits("thousands of millions") == "thousands of millions");
}

TEST_CASE("with_digits undoes number_words") {
  for (std::int64_t n = 0; n < 200'000; n += n < 2000 ? 1 : 977)
    REQUIRE(with_digits(number_words(n)) == std::to_string(n));
  for (std::int64_t n = 200'000; n < 1'000'000'000'000; n += n / 7 + 1)
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
