#include "actors/background/language/addresses.hpp"

#include <doctest/doctest.h>

#include "actors/background/language/prompt.hpp"

using namespace hocket;
using namespace hocket::background;

namespace {

const std::vector<std::string> known = {"http://good/1", "https://good/2"};

bool holds(const char* schema, const char* arguments) {
  return addresses_are_known(schema, json::parse(arguments), known);
}

std::string narrowed(const char* schema, const std::vector<std::string>& to) {
  auto s = json::parse(schema);
  return narrow_addresses(s, to) ? s.dump() : "none";
}

}  // namespace

TEST_CASE("addresses stand in requests, conversations, instructions and results, each once") {
  delegation task;
  task.task = "read http://a/x, and HTTPS://B/y.";
  task.transcript = "user: (http://c/\"q\") http://";
  const std::vector<tool_answer> so_far = {
      {"t", "{}", outcome::ok, "1. <http://d/1> http://a/x https httpx://no"}};
  CHECK(known_addresses({task, {}, so_far}, "see http://e/") ==
        std::vector<std::string>{"http://a/x", "HTTPS://B/y", "http://c/", "http://e/",
                                 "http://d/1"});
}

TEST_CASE("an address that is not known is seen wherever it stands") {
  const char* url = R"({"properties":{"url":{"type":"string","format":"uri"}}})";
  CHECK(holds(url, R"({"url":"http://good/1"})"));
  CHECK(!holds(url, R"({"url":"http://evil/1"})"));
  CHECK(!holds(url, R"({"url":"evil.example"})"));
  CHECK(!holds(url, R"({"url":"http://good/1?all=that-was-said"})"));
  const char* list = R"({"properties":{"urls":{"type":"array","items":{"format":"uri"}}}})";
  CHECK(holds(list, R"({"urls":["http://good/1","https://good/2"]})"));
  CHECK(!holds(list, R"({"urls":["http://good/1","ftp://evil"]})"));
  const char* nested =
      R"({"properties":{"page":{"properties":{"at":{"properties":{"url":{"format":"url"}}}}}}})";
  CHECK(holds(nested, R"({"page":{"at":{"url":"http://good/1"}}})"));
  CHECK(!holds(nested, R"({"page":{"at":{"url":"evil"}}})"));
  const char* pair =
      R"({"properties":{"p":{"prefixItems":[{},{"format":"iri"}],"items":{"format":"uri"}}}})";
  CHECK(holds(pair, R"({"p":["evil","http://good/1"]})"));
  CHECK(!holds(pair, R"({"p":["x","evil"]})"));
  CHECK(!holds(pair, R"({"p":["x","http://good/1","evil"]})"));
  const char* ways = R"({"properties":{"u":{"anyOf":[{"type":"null"},{"format":"uri"}]}}})";
  CHECK(holds(ways, R"({"u":null})"));
  CHECK(!holds(ways, R"({"u":"evil"})"));
  const char* reference =
      R"({"$defs":{"link":{"format":"uri"}},"properties":{"u":{"$ref":"#/$defs/link"}},"additionalProperties":{"format":"uri"}})";
  CHECK(!holds(reference, R"({"u":"evil"})"));
  CHECK(!holds(reference, R"({"other":"evil"})"));
  CHECK(holds(reference, R"({"u":"http://good/1","other":"https://good/2"})"));
  const char* round =
      R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"properties":{"u":{"$ref":"#/$defs/a"}}})";
  CHECK(holds(round, R"({"u":"x"})"));
  // No schema says that these are addresses.
  const char* silent = R"({"type":"object"})";
  CHECK(holds(silent, R"({"text":"see http://good/1.","n":5})"));
  CHECK(!holds(silent, R"({"text":"see HTTP://evil/?q=secret"})"));
  CHECK(!holds(silent, R"({"a":[{"b":["x https://evil"]}]})"));
  CHECK(!holds("broken", R"({"a":"https://evil"})"));
}

TEST_CASE("a schema that leads into itself in many ways is judged in no time") {
  std::string ways, all;
  for (int i = 0; i < 8; ++i) ways += std::string(i > 0 ? "," : "") + R"({"$ref":"#/$defs/a"})";
  for (const char* key : {"anyOf", "oneOf", "allOf"})
    for (const char* value : {"{}", R"({"url":"evil"})", R"("evil")"}) {
      CAPTURE(key);
      const auto schema = R"({"$defs":{"a":{")" + std::string(key) + R"(":[)" + ways +
                          R"(],"properties":{"url":{"format":"uri"}}}},"$ref":"#/$defs/a"})";
      // What cannot be judged is refused, and what is no known address in any way, too.
      if (std::string(value).find("evil") != std::string::npos && *value == '{')
        CHECK(!holds(schema.c_str(), value));
      else
        (void)holds(schema.c_str(), value);
    }
}

TEST_CASE("one way of a choice is enough for a value that is meant there") {
  for (const char* key : {"anyOf", "oneOf"}) {
    const auto schema = [&](const std::string& ways) {
      return R"({"properties":{"v":{")" + std::string(key) + "\":[" + ways + "]}}}";
    };
    const auto home = schema(R"({"enum":["home"]},{"type":"string","format":"uri"})");
    CHECK(holds(home.c_str(), R"({"v":"home"})"));
    CHECK(holds(home.c_str(), R"({"v":"http://good/1"})"));
    CHECK(!holds(home.c_str(), R"({"v":"evil.example"})"));
    CHECK(!holds(home.c_str(), R"({"v":"http://evil"})"));
    const auto number = schema(R"({"type":["integer","null"]},{"format":"uri"})");
    CHECK(holds(number.c_str(), R"({"v":5})"));
    CHECK(holds(number.c_str(), R"({"v":null})"));
    CHECK(!holds(number.c_str(), R"({"v":"evil"})"));
    const auto kinds = schema(R"({"properties":{"k":{"const":1},"u":{"format":"uri"}}},)"
                              R"({"properties":{"k":{"const":2},"u":{}}})");
    CHECK(holds(kinds.c_str(), R"({"v":{"k":2,"u":"name"}})"));
    CHECK(!holds(kinds.c_str(), R"({"v":{"k":1,"u":"name"}})"));
    // A model that writes a number as a text is not refused for that.
    const auto loose = schema(R"({"type":"integer"},{"type":"null"})");
    CHECK(holds(loose.c_str(), R"({"v":"5"})"));
  }
}

TEST_CASE("a schema lets a model write addresses that are known alone") {
  CHECK(
      narrowed(R"({"properties":{"url":{"format":"uri"}},"required":["url"]})", known) ==
      R"({"properties":{"url":{"type":"string","enum":["http://good/1","https://good/2"]}},"required":["url"]})");
  CHECK(narrowed(R"({"properties":{"url":{"format":"uri"}},"required":["url"]})", {}) == "none");
  CHECK(narrowed(R"({"properties":{"q":{},"url":{"format":"uri"}}})", {}) ==
        R"({"properties":{"q":{}}})");
  CHECK(narrowed(R"({"properties":{"l":{"items":{"format":"uri"}}}})", {"http://a"}) ==
        R"({"properties":{"l":{"items":{"type":"string","enum":["http://a"]}}}})");
  CHECK(narrowed(R"({"properties":{"l":{"items":{"format":"uri"},"minItems":1}},"required":["l"]})",
                 {}) == "none");
  CHECK(narrowed(R"({"properties":{"l":{"items":{"format":"uri"}}}})", {}) ==
        R"({"properties":{"l":{"items":{},"maxItems":0}}})");
  CHECK(narrowed(R"({"properties":{"o":{"properties":{"u":{"format":"uri"}},"required":["u"]}}})",
                 {}) == R"({"properties":{}})");
  CHECK(narrowed(R"({"anyOf":[{"format":"uri"},{"type":"null"}]})", {}) ==
        R"({"anyOf":[{"type":"null"}]})");
  CHECK(narrowed(R"({"oneOf":[{"format":"uri"}]})", {}) == "none");
  CHECK(narrowed("[]", {}) == "[]");
}

TEST_CASE("addresses that are known are those of the request, the instructions and results") {
  delegation task;
  task.task = "read https://a.example/x?y=1, please";
  task.transcript = "user: httpd is http:// nothing";
  const std::vector<tool_answer> so_far = {
      {"web.search", "{}", outcome::ok, "1. <a href=\"http://b.example/1\">b</a> (http://c/2)."}};
  const plan_view view{task, {}, so_far};
  const auto known = known_addresses(view, "Look at http://d/3 and https://a.example/x?y=1");
  CHECK(known == std::vector<std::string>{"https://a.example/x?y=1", "http://d/3",
                                          "http://b.example/1", "http://c/2"});
  const std::string schema =
      R"({"properties":{"url":{"type":"string","format":"uri"},"n":{"type":"integer"}},"required":["url"]})";
  const std::vector<tool_info> tools = {{"web.fetch", "reads", schema}, {"clock", "time", "{}"}};
  const tool_names names(tools);
  const std::vector<std::string> all = {"web.fetch", "clock"}, none;
  CHECK(names.definitions(tools, all).size() == 2);
  CHECK(names.definitions(tools, all, &none).size() == 1);
  const auto narrowed = names.definitions(tools, all, &known);
  CHECK(narrowed[0]["function"]["parameters"]["properties"]["url"]["enum"].size() == 4);
  CHECK(addresses_are_known(schema, {{"url", "http://c/2"}}, known));
  CHECK(addresses_are_known(schema, {{"n", 2}}, known));
  CHECK(!addresses_are_known(schema, {{"url", "http://c/2?secret=1"}}, known));
  CHECK(!addresses_are_known(schema, {{"url", 7}}, known));
}
