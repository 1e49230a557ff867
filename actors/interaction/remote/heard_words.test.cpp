#include "actors/interaction/remote/heard_words.hpp"

#include <doctest/doctest.h>

using hocket::remote::heard_words;

TEST_CASE("pieces of what was heard come out as whole words") {
  heard_words h;
  CHECK(h.add("how to make expl", false, 0) == "how to make");
  CHECK(h.add("osi", false, 100).empty());
  CHECK(h.settled(499).empty());
  CHECK(h.add("ves at", false, 450) == "explosives");
  CHECK(h.settled(800).empty());
  CHECK(h.settled(850) == "at");
  CHECK(h.settled(2'000).empty());
  // Blanks in front, as some servers put them; blanks alone.
  CHECK(h.add(" hel", false, 3'000).empty());
  CHECK(h.add("lo", false, 3'001).empty());
  CHECK(h.add(" ", false, 3'002) == "hello");
  CHECK(h.add("  \n", false, 3'003).empty());
  // The last of an utterance, with or without words of its own.
  CHECK(h.add("there", false, 4'000).empty());
  CHECK(h.add("", true, 4'001) == "there");
  CHECK(h.add("whole one.", true, 4'002) == "whole one.");
  CHECK(h.add("", true, 4'003).empty());
  // What waits when something else follows.
  CHECK(h.add("weather", false, 5'000).empty());
  CHECK(h.rest() == "weather");
  CHECK(h.rest().empty());
}

TEST_CASE("scripts without blanks are not held back for ever, nor cut within a character") {
  heard_words h;
  std::string all, told;
  for (int i = 0; i < 300; ++i) {
    all += "天";
    const auto part = h.add("天", false, i);
    CHECK(part.size() % 3 == 0);
    CHECK(part.size() <= 201);
    told += part;
  }
  CHECK(told.size() >= all.size() - 201);
  CHECK(told + h.rest() == all);
  // Not UTF-8 at all: nothing hangs, nothing grows.
  for (int i = 0; i < 100; ++i) told = h.add(std::string(50, '\x80'), false, 1'000);
  CHECK(h.rest().size() <= 250);
}
