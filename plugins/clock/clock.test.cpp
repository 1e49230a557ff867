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
  CHECK(clock->match("what time is it") == "{}");
  CHECK(clock->match("time") == "{}");
  CHECK(clock->match("seven times eight") == "");
  CHECK(clock->match("say ping some time") == "");
}
