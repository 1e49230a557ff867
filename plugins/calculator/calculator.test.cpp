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
  CHECK(value("2^3^2") == "512");
  CHECK(value("-2^2") == "-4");
  CHECK(value("sqrt(16) + abs(-1)") == "5");
  CHECK(value("0.1 + 0.2") == "0.3");  // ten digits, not the binary rest
  CHECK(value("1/3") == "0.3333333333");
  for (const char* bad :
       {"", "1/0", "7*", "(1", "1)", "nan", "0x10", "()", "1e999", "1, 2", "sqrt(-1)", "x"})
    CHECK_MESSAGE(value(bad) == "failed", bad);
  CHECK(value(std::string(100'000, '(').c_str()) == "failed");
  CHECK(calculator->call("no json", {}).error().code == "calculator.arguments");
  CHECK(calculator->call("[1]", {}).error().code == "calculator.arguments");
  CHECK(calculator->call(R"({"expression":7})", {}).error().code == "calculator.arguments");
}

TEST_CASE("calculator knows its tasks in words") {
  const auto types = make_types();
  const auto& asked = types.find_words("calculator")->arguments_for;
  CHECK(asked("seven times eight") == R"({"expression":"7 * 8"})");
  CHECK(asked("What is twenty-one plus three minus two, please?") ==
        R"({"expression":"21 + 3 - 2"})");
  CHECK(asked("eight divided by four") == R"({"expression":"8 / 4"})");
  CHECK(asked("two times three over four") == R"({"expression":"2 * 3 / 4"})");
  CHECK(asked("the weather in paris") == "");
  CHECK(asked("count to ten") == "");
}
