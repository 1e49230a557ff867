#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/gateway/event_schema.hpp"

using namespace hocket::gateway;

TEST_CASE("an event schema finds what is missing, wrong and too much") {
  const auto s = event_schema::read(
      R"({"types": {"item": {"id": "text", "role?": "'user'|'model'"}, "any_item": "item|null"},
    "events": {"a": {"n": "integer", "items": "any_item[]", "sound?": "base64"}, "b": {}}})");
  REQUIRE(s);
  const auto wrong = [&](const char* text) { return s->wrong_with(json::parse(text)); };
  CHECK(wrong(R"({"type": "a", "n": 1, "items": [{"id": "x", "role": "user"}, null]})") == "");
  CHECK(wrong(R"({"b": {}})") == "b.b is no field");
  CHECK(wrong(R"({"type": "a", "items": []})") == "a.n is missing");
  CHECK(wrong(R"({"type": "a", "n": 1.5, "items": []})") == "a.n: no integer");
  CHECK(wrong(R"({"type": "a", "n": 1, "items": {}})") == "a.items: no list");
  CHECK(wrong(R"({"type": "a", "n": 1, "items": [{}]})") == "a.items[0].id is missing");
  CHECK(wrong(R"({"type": "a", "n": 1, "items": [{"id": "x", "role": "y"}]})") ==
        "a.items[0].role: no 'model'");
  CHECK(wrong(R"({"type": "a", "n": 1, "items": [], "x": 1})") == "a.x is no field");
  CHECK(wrong(R"({"type": "a", "n": 1, "items": [], "sound": "*"})") == "a.sound: no base64");
  CHECK(wrong(R"({"type": "c"})") == "`c` is no event");
  CHECK(!event_schema::read(R"({"types": {}, "events": {"a": {"b": "nothing"}}})"));
  CHECK(!event_schema::read("[]"));
}

TEST_CASE("every schema in the tree is one") {
  int n = 0;
  for (const auto& e :
       std::filesystem::directory_iterator(HOCKET_SOURCE_DIR "/actors/gateway/schema")) {
    if (e.path().extension() != ".json") continue;
    std::ostringstream text;
    text << std::ifstream(e.path()).rdbuf();
    const auto s = event_schema::read(text.str());
    CHECK_MESSAGE(s.has_value(), e.path(), (s ? "" : s.error().message));
    ++n;
  }
  CHECK(n > 0);
}

TEST_CASE("what a client sends is read as an object, or refused") {
  CHECK(parse_object(R"({"a": [1]})"));
  for (const std::string bad : {"", "[]", "1", "{", "{\"a\": \"\xff\"}", "{\"a\": 1e999}", "{} {}"})
    CHECK_MESSAGE(!parse_object(bad), bad);
  CHECK(!parse_object("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}"));
  CHECK(parse_object("{\"a\": \"" + std::string(100, '[') + "\\\"[[\"}"));
  const auto v = *parse_object(R"({"t": "x", "n": 7, "o": {}})");
  CHECK(text_of(v, "t") == "x");
  CHECK(text_of(v, "n", "y") == "y");
  CHECK(number_of(v, "n", 0, 0, 5) == 5);
  CHECK(number_of(v, "t", 3, 0, 5) == 3);
  CHECK(member(member(v, "x"), "y").is_null());
}
