#include "actors/background/result_words.hpp"

#include <doctest/doctest.h>

using namespace hocket::background;

TEST_CASE("words_of_result: nested values in their order, to a bound") {
  CHECK(words_of_result(R"({"a":{"b":["x",{"c":1.5}]},"d":false,"e":null})") == "x 1.5 no");
  CHECK(words_of_result("  [1, 2]\n") == "1 2");
  CHECK(words_of_result(R"(["{\"echo\":1}", "[2]", "", "said"])") == "said");
  CHECK(words_of_result(R"({"output":"{\"time\":\"3:15\"}"})") == "3:15");  // nothing else is there
  CHECK(words_of_result("").empty());
  CHECK(words_of_result(" \n") == " \n");
  CHECK(words_of_result(R"("quoted" and not)") == R"("quoted" and not)");
  const auto deep = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK(words_of_result(deep).empty());
  std::string many = "[1";
  for (int i = 0; i < 100'000; ++i) many += ",\"word\"";
  CHECK(words_of_result(many + "]").size() < 1100);
}

TEST_CASE("words_of_result: what Python prints is read as what it means") {
  CHECK(words_of_result("{'time': '3:15'}") == "3:15");
  CHECK(words_of_result(R"({"output": "{'time': '3:15'}"})") == "3:15");
  CHECK(words_of_result(R"({'a': "it's", 'b': 'so\'s', 'c': 'say "x"'})") == "it's so's say \"x\"");
  CHECK(words_of_result("{'on': True, 'off': False, 'n': None, 'at': (1, 2.5), 'one': (3,)}") ==
        "yes no 1 2.5 3");
  CHECK(words_of_result(R"(['caf\xe9', 'a\\b'])") == "caf\xc3\xa9 a\\b");
  for (const char* none :
       {"{'open", "{'a': <object at 0x7f>}", "[", "{'a\\", "{'\\x", "[)(]", "{a: b}"}) {
    CAPTURE(none);
    CHECK(words_of_result(none) == none);
  }
}
