#include "actors/background/function_match.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace hocket;
using namespace hocket::background;

namespace {

tool_info function(const char* name, const char* what, const char* properties,
                   const char* required = "") {
  return {name, what,
          std::string(R"({"type":"object","properties":{)") + properties + R"(},"required":[)" +
              required + "]}"};
}

/// Two numbers of a function that adds.
std::string added(const char* task) {
  static const auto add =
      function("add", "", R"("a":{"type":"integer"},"b":{"type":"integer"})", R"("a")");
  return arguments_by_description(add, task);
}

}  // namespace

TEST_CASE("function_match: names are read however they are written") {
  for (const char* name : {"get_weather", "getWeather", "GetWeather", "app.weather", "weather",
                           "WEATHER-report", "the weathers"}) {
    CAPTURE(name);
    const auto f = function(name, "", R"("city":{"type":"string"})", R"("city")");
    CHECK(arguments_by_description(f, "the weather in Rome, please") == R"({"city":"rome"})");
    CHECK(arguments_by_description(f, "play some music").empty());
  }
  // The source's name says nothing of the function.
  CHECK(arguments_by_description(function("weather.play", "", ""), "weather in rome").empty());
}

TEST_CASE("function_match: words that mean the same find each other, whichever is whose") {
  struct row {
    const char *name, *task;
  };
  for (const auto& r : {row{"clock", "what time is it"},
                        {"forecast", "will it rain today"},
                        {"temperature", "the weather"},
                        {"calculator", "seven plus eight"},
                        {"calculator", "nine minus two"},
                        {"math", "seven times eight"},
                        {"add", "seven plus eight"},
                        {"sum", "add two and three"},
                        {"subtract", "nine minus two"},
                        {"difference", "subtract two from nine"},
                        {"multiply", "the product of two and three"},
                        {"call", "phone my mother"}}) {
    CAPTURE(r.name);
    CAPTURE(r.task);
    CHECK(arguments_by_description(function(r.name, "", ""), r.task) == "{}");
  }
  CHECK(arguments_by_description(function("add", "", ""), "nine minus two").empty());
}

TEST_CASE("function_match: what everybody says is no word of meaning") {
  const auto f = function("get_value", "Returns the current value of the given string.", "");
  CHECK(arguments_by_description(f, "tell me what the value is right now").empty());
  CHECK(arguments_in_any_case(f, "tell me what the value is right now") == "{}");
}

TEST_CASE("function_match: numbers of a task, in words and in figures") {
  CHECK(added("add 12 to 30") == R"({"a":12,"b":30})");
  CHECK(added("add twelve to thirty") == R"({"a":12,"b":30})");
  CHECK(added("add twenty-five and seventy three") == R"({"a":25,"b":73})");
  CHECK(added("add twenty and thirty") == R"({"a":20,"b":30})");
  CHECK(added("add three hundred to nine") == R"({"a":300,"b":9})");
  CHECK(added("add a hundred to two") == R"({"a":100,"b":2})");
  CHECK(added("add five to a hundred") == R"({"a":5,"b":100})");
  CHECK(added("add two hundred five to one") == R"({"a":205,"b":1})");
  CHECK(added("add two hundred and twenty one to one") == R"({"a":221,"b":1})");
  CHECK(added("add two hundred and three hundred") == R"({"a":200,"b":300})");
  CHECK(added("add two hundred three hundred five") == R"({"a":200,"b":305})");
  CHECK(added("add one hundred and one and forty two") == R"({"a":101,"b":42})");
  CHECK(added("add twenty zero") == R"({"a":20,"b":0})");
  CHECK(added("add two hundred 5") == R"({"a":200,"b":5})");  // figures are numbers of their own
  CHECK(added("add 20 5") == R"({"a":20,"b":5})");
  CHECK(added("add zero to 999999999") == R"({"a":0,"b":999999999})");
  CHECK(added("add two thousand and five to one million") == R"({"a":2005,"b":1000000})");
  // One too many is left, one too few is 0 where it is required and absent where it is not.
  CHECK(added("add 1 and 2 and 3") == R"({"a":1,"b":2})");
  CHECK(added("add 7") == R"({"a":7})");
  CHECK(added("add") == R"({"a":0})");
  CHECK(added("add 12345678901234567890 to 1") == R"({"a":1})");
}

TEST_CASE("function_match: each kind of parameter takes what the task has for it") {
  struct row {
    const char *properties, *required, *expected;
  };
  const std::vector<row> rows = {
      {R"("what":{"type":"string"})", R"("what")", R"({"what":"lamp kitchen"})"},
      // The words are given once; what is required chooses first.
      {R"("x":{"type":"string"},"y":{"type":"string"})", R"("y")", R"({"y":"lamp kitchen"})"},
      {R"("query":{"type":"string"})", "", R"({"query":"switch the lamp in the kitchen to 3"})"},
      {R"("n":{"type":"number"})", "", R"({"n":3})"},
      {R"("n":{"type":["integer","null"]})", "", R"({"n":3})"},
      {R"("m":{"type":"number"},"n":{"type":"number","default":9})", "", R"({"m":3,"n":9})"},
      {R"("on":{"type":"boolean"})", "", "{}"},
      {R"("on":{"type":"boolean"})", R"("on")", R"({"on":true})"},
      {R"("rooms":{"type":"array"})", R"("rooms")", R"({"rooms":["lamp kitchen"]})"},
      {R"("more":{"type":"object"})", R"("more")", R"({"more":{}})"},
      {R"("room":{"enum":["Living Room","Kitchen"]})", "", R"({"room":"Kitchen"})"},
      {R"("room":{"enum":["kit","itchen"]})", "", "{}"},  // whole words
      {R"("room":{"enum":["hall","cellar"]})", R"("room")", R"({"room":"hall"})"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.properties);
    CHECK(arguments_by_description(function("switch", "", r.properties, r.required),
                                   "switch the lamp in the kitchen to 3") == r.expected);
  }
  const auto zone = function("clock", "", R"("time_zone":{"type":"string"})", R"("time_zone")");
  CHECK(arguments_by_description(zone, "the time") == R"({"time_zone":"UTC"})");
  CHECK(arguments_by_description(zone, "the time in Oslo") == R"({"time_zone":"oslo"})");
}

TEST_CASE("function_match: arguments are JSON, whatever bytes a task is of") {
  const auto f = function("find", "", R"("what":{"type":"string"})", R"("what")");
  for (const char* task :
       {"find \"quoted\" \\ words", "find caf\xc3\xa9", "find \xff\xfe", "find \x01"}) {
    const auto arguments = arguments_by_description(f, task);
    CAPTURE(arguments);
    CHECK(nlohmann::json::accept(arguments));
  }
}
