#include "actors/background/language/holdable.hpp"

#include <doctest/doctest.h>

#include "actors/background/language/tiny_chat.test.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;
using hocket::language::fixture::checkpoint;

namespace {

json tool(const std::string& name, const char* parameters) {
  return {{"type", "function"},
          {"function",
           {{"name", name}, {"description", name}, {"parameters", json::parse(parameters)}}}};
}

json held(const char* parameters) {
  return holdable(json::array({tool("t", parameters)}))[0]["function"]["parameters"];
}

constexpr const char* city = R"({"type":"object","properties":{"city":{"type":"string"}},)"
                             R"("required":["city"],"additionalProperties":false})";

}  // namespace

TEST_CASE("holdable: what can be held to stays as it is") {
  CHECK(held(city) == json::parse(city));
  CHECK(held("{}") == json::parse("{}"));
  // Nothing satisfies it: no call of it can be made, and it does not become one.
  const char* none = R"({"type":"object","properties":{"a":false},"required":["a"]})";
  CHECK(held(none) == json::parse(none));
}

TEST_CASE("holdable: names stay where a schema says what cannot be held to") {
  CHECK(held(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"not":{}}},
                 "required":["a"],"additionalProperties":false})") ==
        json::parse(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{}},
                        "required":["a"],"additionalProperties":false})"));
  // What a part refers to is still there.
  CHECK(held(R"({"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"if":{},
                 "$defs":{"n":{"type":"integer"}}})") ==
        json::parse(R"({"type":"object","$defs":{"n":{"type":"integer"}},
                        "properties":{"a":{"$ref":"#/$defs/n"}}})"));
  for (const char* strange :
       {"3", "[]", R"({"type":"strng"})", R"({"$ref":"#"})", R"({"properties":[1]})",
        R"({"type":"object","not":{},"required":"a"})",
        R"({"$ref":"http://example.com/other.json"})", R"({"type":"array","contains":{}})",
        R"({"type":"object","properties":{"a":{"type":"string","pattern":"["}}})"}) {
    CAPTURE(strange);
    CHECK(held(strange)["type"] == "object");
  }
}

TEST_CASE("engine_chat: a tool with a strange schema does not take the others away") {
  const checkpoint files;
  const auto chat = opened(files);
  auto request = asking("one");
  request.held = true;
  request.tools = json::array(
      {tool("odd", R"({"type":"object","properties":{"a":{"type":"integer"}},"not":{}})"),
       tool("weather", city)});
  request.max_tokens = 90;  // it may call, or answer
  const auto reply = chat->ask(request);
  REQUIRE_MESSAGE(reply, reply.error().message);
}
