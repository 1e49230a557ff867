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
  const auto real = clock->call("{}", {}).value();
  CHECK(real.find(':') != real.npos);
  const auto& asked = types.find_words("clock")->arguments_for;
  CHECK(asked("what time is it") == "{}");
  CHECK(asked("time") == "{}");
  CHECK(asked("seven times eight") == "");
  CHECK(asked("say ping some time") == "");
}
