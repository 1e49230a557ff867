#include "graph/trust/redaction.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "graph/trust/secret.hpp"

using namespace hocket::trust;

namespace {

struct policy_here {
  policy_here() { keep_words_out(); }
  ~policy_here() { keep_words_out(false); }
};

}  // namespace

TEST_CASE("where words are kept out no message quotes what was said") {
  note_words("hippopotamus");  // before: nobody remembers
  CHECK(redacted("no such city: hippopotamus") == "no such city: hippopotamus");
  const policy_here on;
  CHECK(redacted("no such city: hippopotamus") == "no such city: hippopotamus");
  note_vocabulary("weather.demo ears.tasks");
  note_words("What is the weather in Zürich on the 24th, Mr. O'Hara, at 17 of 5?");
  CHECK(redacted("weather.demo: no such city: `Zürich`") == "weather.demo: no such city: `·`");
  CHECK(redacted("ZÜRICH zürich Zurich") ==
        "ZÜRICH · Zurich");  // letters of A to Z alone are folded
  CHECK(redacted("{\"city\":\"Zürich\",\"at\":\"24th\"}") == "{\"city\":\"·\",\"at\":\"·\"}");
  CHECK(redacted("after 17 ms, 5 times, 170 in all") == "after · ms, 5 times, 170 in all");
  CHECK(redacted("O'HARA") == "O'·");
  CHECK(redacted("what is the in on") == "what is the in on");
  CHECK(redacted("") == "");
}

TEST_CASE("marks of every script stand between words, not in them") {
  const policy_here on;
  note_words("“Zürich”, «Hippopotamus» – dit-il… ‘Melville’s’ 「東京都」 ¿Málaga?");
  for (const char* quoted : {"Zürich", "Hippopotamus", "Melville", "東京都", "Málaga"})
    CHECK(redacted(quoted) == "·");
  CHECK(redacted("nobody knows ‘Zürich’, „Hippopotamus“, 《東京都》—Málaga\u00a0now") ==
        "nobody knows ‘·’, „·“, 《·》—·\u00a0now");
  CHECK(redacted("ªZürich Zürichº") == "ªZürich Zürichº");  // letters: other words
  CHECK(redacted("cut off: \xE2\x80") == "cut off: \xE2\x80");
  CHECK(redacted("\xC2") == "\xC2");
}

TEST_CASE("secrets go as well, and before words") {
  const policy_here on;
  note_secret("CASE_KEY", "swordfish");
  note_words("my swordfish is called Melville");
  CHECK(redacted("swordfish of Melville") == "${env:CASE_KEY} of ·");
  forget_secrets();
}

TEST_CASE("a long talk costs bounded memory; its newest words are kept out") {
  const policy_here on;
  note_words("firstword");
  std::vector<std::thread> talkers;
  for (int t = 0; t < 4; ++t)
    talkers.emplace_back([t] {
      for (int i = 0; i < 15'000; ++i)
        note_words("word" + std::to_string(t) + "x" + std::to_string(i));
    });
  for (auto& t : talkers) t.join();
  CHECK(redacted("firstword") == "firstword");  // 60 000 words ago
  CHECK(redacted("word3x14999") == "·");
  // What is said again and again pushes nothing out, and stays itself.
  note_words("lastword");
  for (int i = 0; i < 60'000; ++i) note_words("hello");
  CHECK(redacted("lastword hello") == "· ·");
}
