#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"

namespace hocket::plugins {
result<void> register_weather_demo(registry&);
}

using namespace hocket;

TEST_CASE("weather_demo reads its fixed table") {
  registry types;
  REQUIRE(plugins::register_weather_demo(types));
  const auto demo = types.find_tool("weather_demo")->make();
  const auto& asked = types.find_words("weather_demo")->arguments_for;
  CHECK(asked("weather in rome") == R"({"city":"rome"})");
  CHECK(asked("seven times eight") == "");
  CHECK(demo->call(asked("weather in rome"), {}).value() == "sunny");
  CHECK(demo->call(asked("weather on mars"), {}).error().code == "weather_demo.unknown_city");
  for (const auto& [city, weather] : {std::pair{"paris", "sunny"}, {"oslo", "snowy"}}) {
    CHECK(demo->call(asked(std::string("weather in ") + city), {}).value() == weather);
  }
  CHECK(demo->call(asked("the weather, please"), {}).error().code == "weather_demo.unknown_city");
  CHECK(!demo->call(R"({"city": "Pa"})", {}));
  CHECK(demo->call(R"({"city": "Paris"})", {}).value() == "sunny");
  CHECK(demo->call(asked("How is the Weather in Oslo?"), {}).value() == "snowy");
  CHECK(!demo->call("7", {}));
  CHECK(!demo->call(R"({"city": 7})", {}));
}
