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
  completion c({}, 1000);
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

TEST_CASE("a reply that repeats the key says [key], in every part and however it is cut") {
  const std::string key = "sk-canary-4711/abcdefgh";
  const auto ends = [](completion& c) {
    std::string told;
    for (const auto& event : {std::string("[DONE]")}) REQUIRE(c.event(event));
    told += c.new_text();
    return told;
  };
  // In one piece, in two at each place, letter by letter; what only begins like it stays.
  for (std::size_t cut = 0; cut <= key.size(); ++cut) {
    completion c(key);
    std::string told;
    for (const auto& piece : {"It is " + key.substr(0, cut), key.substr(cut) + " and sk-canary"}) {
      REQUIRE(c.event(delta(R"("content":")" + piece + "\"")));
      told += c.new_text();
      CHECK(told.find("4711") == told.npos);
    }
    told += ends(c);
    CHECK(told == "It is [key] and sk-canary");
    CHECK(c.finish()->text == told);
  }
  completion letters(key);
  std::string told;
  for (const char letter : key + key) {
    REQUIRE(letters.event(delta(R"("content":")" + std::string(1, letter) + "\"")));
    told += letters.new_text();
  }
  CHECK(told + ends(letters) == "[key][key]");
  // In arguments as text, escaped, inside of others, and in a call that is written as text.
  const auto call = [&](const std::string& arguments) {
    completion c(key);
    REQUIRE(c.whole(
        json{{"choices",
              {{{"message",
                 {{"tool_calls", {{{"function", {{"name", "x"}, {"arguments", arguments}}}}}}}}}}}}
            .dump()));
    return c.finish()->calls.at(0).arguments_json;
  };
  CHECK(call(R"({"q":"Bearer )" + key + R"("})") == R"({"q":"Bearer [key]"})");
  CHECK(call(R"({"q":["\u0073k-canary-4711\/abcdefgh"]})") == R"({"q":["[key]"]})");
  CHECK(call("{\"q\": " + key) == "{\"q\": [key]");
  CHECK(call(R"({"q": 1})") == R"({"q": 1})");
  CHECK(call(R"({"a":[{"b":{"\u0073k-canary-4711/abcdefgh":1,"c":2}}]})") ==
        R"({"a":[{"b":{"[key]":1,"c":2}}]})");
  completion written(key);
  REQUIRE(written.event(delta(
      R"("content":"<tool_call>{\"name\":\"x\",\"arguments\":{\"q\":\"\\u0073k-canary-4711/abcdefgh\"}}</tool_call>")")));
  REQUIRE(written.event("[DONE]"));
  CHECK(written.finish()->calls.at(0).arguments_json == R"({"q":"[key]"})");
  completion named(key);
  REQUIRE(named.event(delta(
      R"("content":"<tool_call>{\"name\":\"x \\u0073k-canary-4711\\/abcdefgh\",\"arguments\":{\"\\u0073k-canary-4711/abcdefgh\":1}}</tool_call>")")));
  REQUIRE(named.event("[DONE]"));
  const auto replied = named.finish();
  REQUIRE(replied);
  REQUIRE(replied->calls.size() == 1);
  CHECK(replied->calls[0].name == "x [key]");
  CHECK(replied->calls[0].arguments_json == R"({"[key]":1})");
  // In errors, also where the cut to 200 bytes goes through it.
  for (std::size_t before = 150; before < 205; ++before) {
    const auto words = error_words(std::string(before, 'x') + " " + key, key);
    CHECK(words.find("sk-c") == words.npos);
  }
  // "none" is no secret.
  completion short_key("none");
  REQUIRE(short_key.event(delta(R"("content":"There is none.")")));
  CHECK(short_key.new_text() == "There is none.");
}
