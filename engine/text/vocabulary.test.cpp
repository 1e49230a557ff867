#include "engine/text/vocabulary.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

TEST_CASE("a vocabulary encodes, decodes and survives JSON") {
  const std::vector<std::string> words{"seven", "times", "eight", "seven"};
  const vocabulary v(words);
  CHECK(v.size() == 7);
  CHECK(v.id_of("<delegate>") == vocabulary::delegate);
  CHECK(v.encode("Seven, times EIGHT? nine") == std::vector<std::int32_t>{4, 5, 6, 1});
  CHECK(v.decode(std::vector<std::int32_t>{2, 0, 4, 5, 6, 3, 99}) ==
        "<delegate> seven times eight <end> <unk>");
  const auto back = vocabulary::from_json(v.to_json());
  REQUIRE(back);
  CHECK(back->tokens() == v.tokens());
}

TEST_CASE("words outside the list are spelt when the vocabulary has letters") {
  std::vector<std::string> words{"it", "is", "five", "a"};
  words.insert(words.end(), letter_pieces().begin(), letter_pieces().end());
  const vocabulary v(words);
  CHECK(v.spells());
  CHECK(!vocabulary(std::vector<std::string>{"a"}).spells());
  const auto ids = v.encode("It is Rex b5 Zo, a");
  CHECK(v.decode(ids) == "it is rex b five zo a");
  CHECK(ids.size() == 2 + 3 + 1 + 2 + 1 + 2 + 1);  // `##` between rex and b5, and before zo
  for (const auto id : ids) CHECK(id > vocabulary::end);
  CHECK(v.encode("???") == std::vector<std::int32_t>{});
  CHECK(v.pieces_of("\xc3\xa9") == std::vector<std::int32_t>{vocabulary::unknown});
  CHECK(letter_of("##q") == "q");
  CHECK(letter_of("##").empty());
  CHECK(letter_of("q").empty());
}

TEST_CASE("a broken vocabulary is refused with a reason") {
  for (const char* bad :
       {"", "{}", "[1]", "[\"a\"]", "[\"<pad>\",\"<unk>\",\"<delegate>\",\"<end>\",\"a\",\"a\"]"}) {
    const auto v = vocabulary::from_json(bad);
    REQUIRE(!v);
    CHECK(v.error().code == "text.vocabulary");
    CHECK(!v.error().message.empty());
  }
}

TEST_CASE("numbers go into words and back") {
  CHECK(words_of_number(0) == "zero");
  CHECK(words_of_number(56) == "fifty six");
  CHECK(words_of_number(90) == "ninety");
  CHECK(words_of_number(100) == "one hundred");
  CHECK(words_of_number(342) == "three hundred forty two");
  CHECK(words_of_number(-4) == "minus four");
  for (int n = 0; n < 1000; ++n) CHECK(number_of_words(words_of_number(n)) == n);
  CHECK(number_of_words("fifty paris") == -1);
}
