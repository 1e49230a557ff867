// Streams as endpoints really send them, and as they should not.
#include "actors/background/language/completion.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::background;

namespace {

std::string delta(const std::string& inside, const std::string& finish = "null") {
  return R"({"choices":[{"index":0,"delta":{)" + inside + R"(},"finish_reason":)" + finish + "}]}";
}
std::string read(const std::vector<std::string>& events) {
  completion c;
  for (const auto& e : events)
    if (const auto good = c.event(e); !good) return good.error().code + ": " + good.error().message;
  const auto r = c.finish();
  if (!r) return r.error().code + ": " + r.error().message;
  auto out = r->text;
  for (const auto& call : r->calls) out += "[" + call.name + call.arguments_json + "]";
  return out;
}

}  // namespace

TEST_CASE("text and calls are put together whatever shape their pieces have") {
  CHECK(read({delta(R"("role":"assistant","content":"")"), delta(R"("content":"It is ")"),
              delta(R"("reasoning_content":"hm")"), delta(R"("content":"four.")", "\"stop\""),
              R"({"choices":[],"usage":{"total_tokens":12}})", "[DONE]"}) == "It is four.");
  const auto piece = [](const std::string& call) {
    return delta(R"("tool_calls":[)" + call + "]");
  };
  // By index, two interleaved; the id only in the first piece.
  CHECK(read({piece(R"({"index":0,"id":"a","function":{"name":"x","arguments":""}})"),
              piece(R"({"index":1,"id":"b","function":{"name":"y","arguments":"{\"q\":"}})"),
              piece(R"({"index":0,"function":{"arguments":"{\"p\":1}"}})"),
              piece(R"({"index":1,"function":{"arguments":"2}"}})"), "[DONE]"}) ==
        R"([x{"p":1}][y{"q":2}])");
  // Without an index, without ids, whole at once, as an object, with null.
  CHECK(read({piece(R"({"id":"a","function":{"name":"x","arguments":"{"}})"),
              piece(R"({"function":{"arguments":"}"}})"),
              piece(R"({"function":{"name":"y","arguments":{"a":1}}})"),
              piece(R"({"function":{"name":"z","arguments":null}})"), delta("", "\"stop\"")}) ==
        R"([x{}][y{"a":1}][z{}])");
  // Calls written into the text, as small models do.
  CHECK(
      read(
          {delta(
               R"("content":"Sure. <tool_call>{\"name\":\"x\",\"arguments\":{\"a\":1}}</tool_call>")"),
           "[DONE]"}) == R"(Sure. [x{"a":1}])");
}

TEST_CASE("an answer that breaks off, is garbage, or an error is told") {
  CHECK(read({}) == "language.bad_answer: the endpoint answered nothing");
  CHECK(read({delta(R"("content":"It is")")}) ==
        "language.bad_answer: the endpoint's answer broke off in the middle");
  CHECK(read({delta(R"("content":"It is")", "\"stop\"")}) == "It is");  // some never say [DONE]
  CHECK(read({"<html>"}) ==
        "language.bad_answer: the endpoint's stream holds what is no JSON object");
  CHECK(read({R"({"error":{"message":"over\u001b[2J loaded"}})"}) ==
        "language.refused: the endpoint broke off: over loaded");
  for (const char* odd :
       {"{}", R"({"choices":7})", R"({"choices":[7]})", R"({"choices":[{"delta":7}]})",
        R"({"choices":[{"delta":{"tool_calls":[7,null,{}]}}]})"})
    CHECK(read({odd, "[DONE]"}) == "");
  completion c(1000);
  result<void> good;
  for (int i = 0; i < 100 && good; ++i)
    good = c.event(delta(R"("content":"xxxxxxxxxxxxxxxxxxxx")"));
  REQUIRE(!good);
  CHECK(good.error().message == "the endpoint's answer is too long");
}

TEST_CASE("an answer that is not streamed") {
  completion c;
  REQUIRE(c.whole(R"({"choices":[{"message":{"content":"four","tool_calls":null}}]})"));
  CHECK(c.finish()->text == "four");
  completion none;
  CHECK(!none.whole("[]"));
  CHECK(!none.whole(R"({"choices":[]})"));
  CHECK(none.whole(R"({"error":"busy"})").error().message == "the endpoint says: busy");
}

TEST_CASE("calls in text: only what is one") {
  const auto calls = [](std::string text) {
    std::string out;
    for (const auto& c : calls_in_text(text)) out += c.name + c.arguments_json + ";";
    return out + "|" + text;
  };
  CHECK(calls(R"([{"name":"a","arguments":{}},{"name":"b","parameters":{"x":1}}])") ==
        R"(a{};b{"x":1};|)");
  CHECK(calls("```json\n{\"name\": \"a\", \"arguments\": {}}\n```") == "a{};|");
  CHECK(calls(R"({"name": "Anna"} is a nice name)") == R"(|{"name": "Anna"} is a nice name)");
  CHECK(calls("<tool_call>nonsense") == "|<tool_call>nonsense");
  CHECK(calls("<tool_call>{\"name\":\"a\"}") == "a{};|");
  CHECK(calls("[1, 2]") == "|[1, 2]");
  CHECK(calls("") == "|");
}
