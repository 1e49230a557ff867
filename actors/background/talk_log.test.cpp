#include "actors/background/talk_log.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace hocket;
using background::talk_log;

namespace {

timestamp at(std::int64_t ms) { return timestamp::of_ms(ms); }

void says(talk_log& log, bool by_model, std::int64_t from_ms, const std::string& words) {
  std::istringstream in(words);
  for (std::string w; in >> w; from_ms += 200) log.word(by_model, at(from_ms), w);
}

}  // namespace

TEST_CASE("a context holds both voices with times, what is pending, told, and not heard yet") {
  talk_log log;
  CHECK(!log.knows_voices());
  says(log, false, 1000, "what is the weather");
  says(log, true, 2400, "let me check");
  log.asked(1, at(2400), "weather oslo");
  CHECK(log.text(at(3000), 1000) ==
        "0:01 user: what is the weather\n0:02 model: let me check\n(pending since 0:02: weather "
        "oslo)\n");
  log.told({"snowy", "background", 1, true}, at(4000));
  says(log, true, 64000, "it is snowy");
  log.played(at(64250));
  CHECK(log.text(at(64300), 1000) ==
        "0:01 user: what is the weather\n0:02 model: let me check\n1:04 model: it is snowy\n(the "
        "model is saying; not heard yet: snowy)\n");
  log.asked(2, at(70000), "time");
  log.told({"full", "background", 2, false}, at(70400));
  log.told({"half", std::string(replacing_role), 2, false}, at(70500));
  CHECK(log.text(at(71000), 1000).find("(pending since 1:10: time, told so far: half)") !=
        std::string::npos);
  log.ended(2);
  CHECK(log.text(at(71000), 1000).find("pending") == std::string::npos);
}

TEST_CASE("what does not fit is summarised, the oldest first, and no budget is passed") {
  talk_log log;
  log.asked(1, at(0), "name dog");
  log.told({"rex", "background", 1, true}, at(100));
  for (int i = 0; i < 300; ++i)
    says(log, i % 2 != 0, i * 10'000, "turn number " + std::to_string(i));
  log.word(false, at(3'000'000), "\x1b[8m\xff");
  const auto whole = log.text(at(3'000'000), 100'000);
  CHECK(whole.starts_with("(101 earlier turns; asked and told: name dog: rex)\n"));
  CHECK(whole.find("turn number 299") != whole.npos);
  CHECK(whole.find('\x1b') == whole.npos);
  for (std::size_t limit = 0; limit < 400; ++limit)
    CHECK(log.text(at(3'000'000), limit).size() <= limit);
  const auto some = log.text(at(3'000'000), 200);
  CHECK(some.find("earlier turns; asked and told: name dog: rex)") != some.npos);
  CHECK(some.find("turn number 299") != some.npos);
  CHECK(some.find("turn number 200") == some.npos);
}
