#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"

namespace hocket::plugins {
result<void> register_calculator(registry&);
}

using namespace hocket;

namespace {
registry make_types() {
  registry types;
  REQUIRE(plugins::register_calculator(types));
  return types;
}
}  // namespace

TEST_CASE("calculator works sums out") {
  const auto types = make_types();
  const auto calculator = types.find_tool("calculator")->make();
  const auto value = [&](const char* sum) {
    return calculator->call(std::string(R"({"expression":")") + sum + "\"}", {}).value_or("failed");
  };
  CHECK(value("7*8") == "56");
  CHECK(value("3 + 4 * 2 - 1") == "10");
  CHECK(value("-(1 - 4) / 2") == "1.5");
  CHECK(value("20/2/5") == "2");
  for (const char* bad : {"", "1/0", "7*", "(1", "1)", "nan", "0x10", "()", "1e999"})
    CHECK_MESSAGE(value(bad) == "failed", bad);
  CHECK(value(std::string(100'000, '(').c_str()) == "failed");
  CHECK(calculator->call("no json", {}).error().code == "calculator.arguments");
  CHECK(calculator->call("[1]", {}).error().code == "calculator.arguments");
}

TEST_CASE("calculator knows its tasks in words") {
  const auto types = make_types();
  const auto& asked = types.find_words("calculator")->arguments_for;
  CHECK(asked("seven times eight") == R"({"expression":"7 * 8"})");
  CHECK(asked("What is twenty-one plus three minus two, please?") ==
        R"({"expression":"21 + 3 - 2"})");
  CHECK(asked("eight divided by four") == R"({"expression":"8 / 4"})");
  CHECK(asked("the weather in paris") == "");
  CHECK(asked("count to ten") == "");
}
