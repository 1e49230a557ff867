#include "tools/hocket/export/yaml_text.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "graph/core/diagnostic.hpp"
#include "graph/spec/yaml.hpp"

using namespace hocket;
using namespace hocket::cli;
using json = nlohmann::ordered_json;

TEST_CASE("JSON becomes block YAML, with quotes where YAML would read something else") {
  const json v = {{"kind", "Service"},
                  {"port", 9464},
                  {"yes", "no"},
                  {"number", "1"},
                  {"empty", json::object()},
                  {"list", {"a", {{"b", 1}, {"c", {"d"}}}, json::array({"x", "y"})}},
                  {"text", "one\n  two: \"3\"\n\nfour\n"},
                  {"odd", "tab\tand \"quotes\" # and more"}};
  CHECK(yaml_text(v) == R"(kind: Service
port: 9464
"yes": "no"
number: "1"
empty: {}
list:
- a
- b: 1
  c:
  - d
- - x
  - "y"
text: |
  one
    two: "3"

  four
odd: "tab\tand \"quotes\" # and more"
)");
}

TEST_CASE("a YAML reader reads back what was written") {
  const json v = {{"a", {{"b", {"x", "true", "1e3", "0x1f", "~", "null", "- x", "", " "}}}},
                  {"c", " begins with a space\n"},
                  {"d", "no newline at the end"},
                  {"e", "two at the end\n\n"},
                  {"f", "carriage\r\nreturn\n"}};
  diagnostics findings;
  const auto tree = spec::parse_yaml("made", yaml_text(v), findings);
  REQUIRE_MESSAGE(tree, findings.to_string());
  const auto text = [&](const char* key) { return *tree->find(key)->get_if<std::string>(); };
  for (const char* key : {"c", "d", "e", "f"}) CHECK(text(key) == v[key].get<std::string>());
  const auto& list = *tree->find("a")->find("b")->get_if<value::list>();
  REQUIRE(list.size() == v["a"]["b"].size());
  for (std::size_t i = 0; i < list.size(); ++i)
    CHECK(*list[i].get_if<std::string>() == v["a"]["b"][i].get<std::string>());
}
