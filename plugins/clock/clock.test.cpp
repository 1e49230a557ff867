#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"

namespace hocket::plugins {
result<void> register_clock(registry&);
}

using namespace hocket;

TEST_CASE("clock says the time") {
  registry types;
  REQUIRE(plugins::register_clock(types));
  const auto clock = types.find_tool("clock")->make();
  manual_clock time;
  time.set(timestamp::of_ms(65 * 60'000));
  CHECK(clock->call("{}", {.time = &time}).value() == "11:05");
  for (const auto& [minutes, said] : {std::pair{0, "10:00"},
                                      {119, "11:59"},
                                      {120, "12:00"},
                                      {180, "1:00"},
                                      {14 * 60 + 5, "12:05"},
                                      {24 * 60, "10:00"}}) {
    time.set(timestamp::of_ms(minutes * 60'000 + 59'999));
    CHECK(clock->call("{}", {.time = &time}).value() == said);  // midnight and noon are 12
  }
  const auto real = clock->call("{}", {}).value();
  CHECK(real.find(':') != real.npos);
  const auto& asked = types.find_words("clock")->arguments_for;
  CHECK(asked("what time is it") == "{}");
  CHECK(asked("time") == "{}");
  CHECK(asked("Tell me THE TIME, please") == "{}");
  CHECK(asked("is it five o'clock yet") == "{}");
  CHECK(asked("seven times eight") == "");
  CHECK(asked("say ping some time") == "");
}
