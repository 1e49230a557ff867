#include "engine/language/constraint/constraint.hpp"

#include <random>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/language/constraint/json_schema.hpp"

using namespace hocket;
using namespace hocket::language;
using json = nlohmann::ordered_json;

namespace {

/// Every byte, many pieces of JSON and of characters, and control tokens.
tokenizer small_tokenizer() {
  tokenizer_rules rules;
  for (int b = 0; b < 256; ++b)
    rules.tokens.push_back({std::string(1, static_cast<char>(b)), token_kind::text});
  for (const char* text :
       {"{\"",      "\":",  "\": ",  "\",",      "\", \"", "\"}",  "}}",   "[]",
        "[[[[",     "true", "fal",   "se}",      "null",   "name", "city", "ity\": \"",
        "123",      "00",   "-1",    "0.5",      "e1",     "\\n",  "\\\"", "\\u00",
        "\xc3\xa9", "\xc3", "\xa9x", "\xe6\xbc", "  ",     "ab",   "abab", "\xf0\x9f\x98\x80",
        "x\"}"})
    rules.tokens.push_back({text, token_kind::text});
  rules.tokens.push_back({"<|end|>", token_kind::control});
  rules.tokens.push_back({"<tool>", token_kind::control});
  rules.tokens.push_back({"", token_kind::unused});
  rules.ends = {static_cast<token_id>(rules.tokens.size() - 3)};
  return tokenizer(std::move(rules));
}

struct setting {
  tokenizer tokens = small_tokenizer();
  std::shared_ptr<const vocabulary_tree> tree = std::make_shared<vocabulary_tree>(tokens);
  token_id end = tokens.rules().ends[0];
};

std::shared_ptr<const grammar> schema(const char* text) {
  const auto g = grammar_of_schema(json::parse(text));
  REQUIRE_MESSAGE(g, g.error().message);
  return *g;
}
std::shared_ptr<const grammar> pattern(const char* text) {
  const auto g = grammar_of_pattern(text);
  REQUIRE_MESSAGE(g, g.error().message);
  return *g;
}
std::string refusal(const std::string& text) {
  const auto g = grammar_of_schema(json::parse(text));
  return g ? "" : g.error().code + ": " + g.error().message;
}

const char* const nested = R"({"type": "object", "properties": {
  "city": {"type": "string", "maxLength": 8}, "n": {"type": "integer", "minimum": -12, "maximum": 1300},
  "tags": {"type": "array", "items": {"enum": ["ab", "x"]}, "maxItems": 3},
  "in": {"$ref": "#"}}, "required": ["city", "n"]})";

/// An answer with at most so many tokens.
std::string spoken(const setting& s, constraint& c, std::mt19937& random, std::int64_t limit) {
  std::string out;
  for (std::int64_t left = limit; left > 0; --left) {
    const auto& mask = c.allowed(left);
    std::vector<token_id> may;
    for (std::size_t i = 0; i < mask.size(); ++i)
      if (mask.allows(static_cast<token_id>(i))) may.push_back(static_cast<token_id>(i));
    REQUIRE(!may.empty());
    const auto id = may[random() % may.size()];
    REQUIRE(c.accept(id));
    if (id == s.end) return out;
    out += s.tokens.bytes_of(id);
    if (c.must_end()) return out;
  }
  return out;
}

}  // namespace

TEST_CASE("constraint: a mask holds exactly the tokens that may come") {
  const setting s;
  std::mt19937 random(3);
  for (const auto& g :
       {schema(nested), schema("true"), pattern("(ab|a\xc3\xa9x|\xe6\xbc\xa2)*0{2,5}")}) {
    constraint walked(g, s.tree);
    grammar_walk judge(g);
    std::string said;
    for (int step = 0; step < 60; ++step) {
      int state = judge.start();
      for (const char c : said) state = judge.step(state, static_cast<std::uint8_t>(c));
      const auto mask = walked.allowed();
      std::vector<token_id> may;
      for (std::size_t i = 0; i < s.tokens.size(); ++i) {
        const auto id = static_cast<token_id>(i);
        int to = state;
        for (const char c : s.tokens.bytes_of(id))
          to = to == grammar_walk::nowhere ? to : judge.step(to, static_cast<std::uint8_t>(c));
        const bool text = s.tokens.kind_of(id) == token_kind::text;
        const bool fits = id == s.end ? judge.may_end(state) : text && to != grammar_walk::nowhere;
        CHECK_MESSAGE(mask.allows(id) == fits, said << " then " << s.tokens.bytes_of(id));
        if (fits && id != s.end) may.push_back(id);
      }
      if (may.empty()) break;
      const auto id = may[random() % may.size()];
      REQUIRE(walked.accept(id));
      said += s.tokens.bytes_of(id);
    }
  }
}

TEST_CASE("constraint: an answer is whole, whatever the limit") {
  const setting s;
  std::mt19937 random(9);
  for (const auto& g : {schema(nested), schema("true"), schema(R"({"type": "array", "minItems": 3,
                        "items": {"type": "string", "pattern": "^(ab)+$", "minLength": 4}})"),
                        pattern("[ab]{3,}")}) {
    constraint c(g, s.tree);
    const auto least = c.shortest_end();
    CHECK(least >= 1);
    for (const std::int64_t limit : {least, least + 1, least + 7, least + 40, least + 400})
      for (int i = 0; i < 20; ++i) {
        c.reset();
        const auto text = spoken(s, c, random, limit);
        CHECK_MESSAGE(allows(g, text), text);
      }
  }
}

TEST_CASE("constraint: what may not come is refused, and nothing changes") {
  const setting s;
  constraint c(pattern("ab+"), s.tree);
  CHECK(c.accept('b').error().code == "constraint.not_allowed");
  CHECK(c.accept(s.end).error().code == "constraint.not_allowed");
  REQUIRE(c.accept('a'));
  CHECK(!c.may_end());
  REQUIRE(c.accept('b'));
  CHECK(c.may_end());
  CHECK(!c.must_end());
  CHECK(c.accept(s.end));
  constraint once(pattern("ab"), s.tree);
  REQUIRE(once.accept('a'));
  REQUIRE(once.accept('b'));
  CHECK(once.must_end());
  CHECK(c.accept(100'000).error().code == "constraint.not_allowed");
}

TEST_CASE("constraint: control tokens come where the grammar has them only") {
  const setting s;
  const auto tool = s.tokens.find("<tool>");
  REQUIRE(tool);
  grammar_builder b;
  const int end = b.finish();
  const auto g = b.build(b.literal("a", b.token(*tool, b.literal("b", end))));
  REQUIRE(g);
  constraint c(*g, s.tree);
  CHECK(!c.allowed().allows(*tool));
  REQUIRE(c.accept('a'));
  CHECK(c.allowed().count() == 1);
  CHECK(c.allowed().allows(*tool));
  REQUIRE(c.accept(*tool));
  REQUIRE(c.accept('b'));
  CHECK(c.must_end());
}

TEST_CASE("json_schema: valid texts are allowed, others are not") {
  const auto g = schema(nested);
  for (const char* text :
       {R"({"city": "Rome", "n": 3})", R"({"city":"","n":-12,"tags":["ab", "x"]})",
        R"({"city": "\u00e9\n", "n": 1300, "in": {"city": "x", "n": 0}})"})
    CHECK_MESSAGE(allows(g, text), text);
  for (const char* text : {"", "{}", R"({"city": "Rome"})", R"({"city": "Rome", "n": 1301})",
                           R"({"city": "Rome", "n": 03})", R"({"city": "longer than 8", "n": 1})",
                           R"({"city": "Rome", "n": 3, "more": 1})", R"({"city": "Rome", "n": 3} )",
                           R"({"city": "Rome", "n": 3, "tags": ["ab","ab","ab","ab"]})",
                           R"({"city": "\ud800", "n": 1})", "{\"city\": \"\xff\", \"n\": 1}"})
    CHECK_MESSAGE(!allows(g, text), text);
  // Lengths count characters, not bytes.
  CHECK(allows(schema(R"({"type": "string", "maxLength": 2})"), "\"\xe6\xbc\xa2\xe6\xbc\xa2\""));
  CHECK(allows(schema(R"({"type": "string", "pattern": "^\"$"})"), R"("\"")"));
  CHECK(allows(schema("{}"), R"({"a": [1, 2.5e3, {"b": null}], "c": "d"})"));
}

TEST_CASE("json_schema: what cannot be held to is refused by place and name") {
  CHECK(refusal(R"({"properties": {"a": {"not": {}}}})") ==
        "constraint.unsupported: schema/properties/a: `not` is not supported");
  CHECK(refusal(R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})")
            .find("schema/oneOf: choice 1") != std::string::npos);
  CHECK(refusal(R"({"$ref": "http://x/y"})").find("a reference outside of the schema") !=
        std::string::npos);
  CHECK(refusal(R"({"type": "string", "pattern": "a("})") ==
        "constraint.bad_pattern: schema: pattern: `)` is missing at character 3");
  CHECK(refusal("false") == "constraint.empty: nothing satisfies the constraint");
  CHECK(refusal(R"({"properties": {"\u001b[31m": {"if": {}}}})").find('\x1b') == std::string::npos);
}

TEST_CASE("json_schema: what would use up the stack or the time is refused, or means nothing") {
  CHECK(refusal(R"({"type":"object","maxProperties":100000})").starts_with("constraint.too_large"));
  CHECK(refusal(R"({"allOf":[{"required":true},{"required":["b"]}]})")
            .starts_with("constraint.bad_schema"));
  CHECK(refusal(R"({"type":"string","pattern":"a)" + std::string(60'000, '*') + "\"}")
            .starts_with("constraint.bad_pattern"));
  // Any number of nothing is nothing.
  CHECK(refusal(R"({"type":"string","pattern":"(?:(?:(?:){9000}){9000}){9000}"})") == "");
}

TEST_CASE("text_set: expressions match as they do elsewhere") {
  struct sample {
    const char *pattern, *yes, *no;
  };
  for (const auto& [p, yes, no] :
       std::initializer_list<sample>{{"b", "abc", "ac"},
                                     {"^b", "bc", "abc"},
                                     {"b$", "ab", "ba"},
                                     {"^(a|b$)", "ax", "ba"},
                                     {"^a{2,3}$", "aaa", "aaaa"},
                                     {"^[^a]$", "\xc3\xa9", "a"},
                                     {"^a.c$", "abc", "a\nc"},
                                     {"^\\x41\\u00e9$", "A\xc3\xa9", "A"},
                                     {"^\\p{Lu}+$", "\xc3\x89", "\xc3\xa9"},
                                     {"^[]]?$", "]", "a"},
                                     {"^a{,2}$", "a{,2}", "aa"},
                                     {"^\\d$", "7", "\xd9\xa3"},
                                     {"^\\S$", "a", "\xc2\xa0"},
                                     {"^(?<year>\\d{4})$", "2026", "26"}}) {
    const auto set = text_set::of_pattern(p, true);
    if (std::string_view(p) == "^[]]?$") {  // ECMA: `[]` holds nothing
      CHECK((!set || !set->has("]")));
      continue;
    }
    REQUIRE_MESSAGE(set, p << ": " << (set ? "" : set.error().message));
    CHECK_MESSAGE(set->has(yes), p);
    CHECK_MESSAGE(!set->has(no), p);
    CHECK_MESSAGE(others(*set).has(no), p);
    CHECK_MESSAGE(!others(*set).has(yes), p);
  }
}
