#include "actors/policy/rules.hpp"

#include <doctest/doctest.h>

#include "actors/policy/trial.hpp"
#include "graph/trust/read_file.hpp"

using namespace hocket;
using namespace hocket::policy;

TEST_CASE("a policy file says what is done where") {
  const auto all = read_rules("house.yaml", R"(
policy: house
language: de
refusal: ["en: i can't", "de: das kann ich nicht"]
topics:
  weapons: {phrases: [nerve gas], said: stop, evidence: pass, times: 3, incident: true, say: ["fr: non"]}
notices:
  long_use: {after_min: 45, say: ["en: take a break"]}
)");
  REQUIRE_MESSAGE(all, (all ? "" : all.error().message));
  const auto& t = all->topics.at(0);
  CHECK(t.act ==
        std::array{action::refuse, action::stop, action::refuse, action::refuse, action::pass});
  CHECK(t.then == action::end);
  CHECK(t.is_incident);
  CHECK(all->in(all->refusal, "en") == "i can't");
  CHECK(all->in(all->refusal, "it") == "das kann ich nicht");
  CHECK(all->in(t.say, "it") == "non");
  CHECK(all->notices.at(0).after_min == 45);
}

TEST_CASE("what is wrong in a policy file is told with its place and a remedy") {
  const std::string head = "policy: p\nrefusal: [\"en: no\"]\n";
  const struct {
    std::string yaml, says;
  } cases[] = {
      {head, "neither `topics` nor `notices`"},
      {"refusal: [\"en: no\"]\ntopics: {a: {phrases: [x]}}\n", "`policy`"},
      {"policy: p\ntopics: {a: {phrases: [x]}}\n", "`refusal`"},
      {head + "topics: [a]\n", "p.yaml:3:9: error: policy: `topics` is a list"},
      {head + "topics: {a: {}}\n", "topics.a: nothing says when it comes up"},
      {head + "topics: {a: {phrases: [\"...\"]}}\n", "has no word"},
      {head + "topics: {a: {examples: [tell me how]}}\n", "an example needs two words"},
      {head + "topics: {a: {phrases: [x], heard: answer}}\n", "`answer` needs words"},
      {head + "topics: {a: {phrases: [x], heard: explode}}\n", "explode"},
      {head + "topics: {a: {phrases: [x], say: [hello]}}\n", "is not `LANGUAGE: words`"},
      {head + "topics: {a: {phrases: [x], say: [\"en: a\", \"en: b\"]}}\n", "two texts for `en`"},
      {head + "topics: {a: {phrase: [x]}}\n", "did you mean `phrases`?"},
      {head + "topics: {\"A b\": {phrases: [x]}}\n", "small letters"},
      {head + "topic: {}\n", "did you mean `topics`?"},
      {head + "notices: {n: {say: [\"en: x\"]}}\n", "`after_min`"},
      {"policy: [\n", "p.yaml"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.yaml);
    const auto all = read_rules("p.yaml", c.yaml);
    REQUIRE(!all);
    CHECK(all.error().code == "policy.bad_file");
    CHECK_MESSAGE(all.error().message.find(c.says) != std::string::npos, all.error().message);
  }
}

TEST_CASE("the policy to begin with does what its cases say") {
  const std::string folder = HOCKET_SOURCE_DIR "/configs/policies/";
  const auto read = [&](const char* name) {
    return *trust::read_given_file(folder + name, 1 << 20);
  };
  const auto all = read_rules("house.yaml", read("house.yaml"));
  REQUIRE_MESSAGE(all, (all ? "" : all.error().message));
  for (const char* file : {"house.cases", "forget.cases", "manner.cases"}) {
    CAPTURE(file);
    const auto cases = read_cases(file, read(file), *all);
    REQUIRE_MESSAGE(cases, (cases ? "" : cases.error().message));
    CHECK(cases->size() > 30);
    for (const auto& c : *cases) {
      CAPTURE(c.line);
      std::vector<std::string> found;
      for (const auto& m : tried(*all, false, c.turns)) found.push_back(m.what->name);
      CHECK(found == c.topics);
    }
  }
}

TEST_CASE("a case that says nothing is told with its line") {
  const auto all =
      read_rules("p", "policy: p\nrefusal: [\"en: no\"]\ntopics: {a: {phrases: [x]}}\n");
  REQUIRE(all);
  const struct {
    const char *text, *says;
  } wrong[] = {{"a: x\nno colon", "c:2: a case reads"},
               {": x", "c:1: no topic"},
               {"# fine\n\na:  ", "c:3: no words"},
               {"b: x", "c:1: the policy has no topic `b`"}};
  for (const auto& w : wrong) {
    const auto cases = read_cases("c", w.text, *all);
    REQUIRE(!cases);
    CHECK(cases.error().code == "policy.bad_case");
    CHECK(cases.error().message.find(w.says) != std::string::npos);
  }
  const auto fine = read_cases("c", "a, a: x | y x\r\n-: z", *all);
  REQUIRE(fine);
  CHECK(fine->at(0).turns == std::vector<std::string>{"x", "y x"});
  CHECK(fine->at(1).topics.empty());
}

TEST_CASE("all that the house policy says is there in three languages") {
  const auto file = std::string(HOCKET_SOURCE_DIR) + "/configs/policies/house.yaml";
  const auto yaml = trust::read_given_file(file, 1 << 20);
  REQUIRE(yaml);
  const auto all = read_rules(file, *yaml);
  REQUIRE_MESSAGE(all, (all ? "" : all.error().message));
  const auto is_translated = [](const texts& t) {
    return t.contains("en") && t.contains("de") && t.contains("fr");
  };
  CHECK(is_translated(all->refusal));
  for (const auto& t : all->topics) {
    CAPTURE(t.name);
    CHECK((t.say.empty() || is_translated(t.say)));
    // Whoever is answered by the policy is told its own words.
    CHECK(((t.act[0] != action::answer && t.act[0] != action::forget) || !t.say.empty()));
  }
  for (const auto& n : all->notices) {
    CAPTURE(n.name);
    CHECK(is_translated(n.say));
  }
}

TEST_CASE("times of day") {
  CHECK(minute_of_day("00:00") == 0);
  CHECK(minute_of_day("23:59") == 1439);
  for (const char* bad : {"", "24:00", "1:00", "12:60", "ab:cd", "-1:00", "12:00 ", "12-00"})
    CHECK_FALSE(minute_of_day(bad));
  for (const char* bad : {"", "12:00", "12:00-12:00", "12:00-25:00", "12:00/13:00"})
    CHECK_FALSE(span_of_day(bad));
  const auto night = span_of_day("23:00-05:00"), noon = span_of_day("11:00-13:00");
  REQUIRE(night);
  REQUIRE(noon);
  for (const auto& [at, late] : {std::pair("22:59", false),
                                 {"23:00", true},
                                 {"00:00", true},
                                 {"04:59", true},
                                 {"05:00", false}})
    CHECK(night->has(*minute_of_day(at)) == late);
  CHECK(noon->has(660));
  CHECK_FALSE(noon->has(780));
}
