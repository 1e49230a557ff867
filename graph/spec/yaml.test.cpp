#include "graph/spec/yaml.hpp"

#include <cmath>
#include <doctest/doctest.h>

namespace hocket::spec {
namespace {

value parse(const std::string& text) {
  diagnostics findings;
  auto v = parse_yaml("f.yaml", text, findings);
  CAPTURE(findings.to_string());
  REQUIRE(v);
  CHECK(!findings.has_errors());
  return v.value_or(value());
}

std::string code_of(const std::string& text, const yaml_limits& limits = {}) {
  diagnostics findings;
  (void)parse_yaml("f.yaml", text, findings, limits);
  return findings.items().empty() ? "" : findings.items()[0].code;
}

template <class T>
T scalar(const std::string& text) {
  const auto v = plain_scalar(text, {});
  CAPTURE(text);
  REQUIRE(v.get_if<T>() != nullptr);
  CHECK(v.literal() == text);
  return *v.get_if<T>();
}

}  // namespace

TEST_CASE("yaml: scalars follow the core schema of YAML 1.2") {
  CHECK(scalar<std::int64_t>("12") == 12);
  CHECK(scalar<std::int64_t>("-7") == -7);
  CHECK(scalar<std::int64_t>("+7") == 7);
  CHECK(scalar<std::int64_t>("0x1F") == 31);
  CHECK(scalar<std::int64_t>("0o17") == 15);
  CHECK(scalar<double>("1.5") == 1.5);
  CHECK(scalar<double>("-.5e1") == -5.0);
  CHECK(scalar<double>("3.") == 3.0);
  CHECK(scalar<double>("1e3") == 1000.0);
  CHECK(scalar<double>("99999999999999999999") == 1e20);
  CHECK(std::isinf(scalar<double>("-.inf")));
  CHECK(std::isnan(scalar<double>(".nan")));
  CHECK(scalar<bool>("true"));
  CHECK(!scalar<bool>("False"));
  for (const auto* word :
       {"yes", "on", "No",    "off",   "y",   "1.2.3", "0x",   "0xg", "1e",  "-",
        "+",   ".",  "1_000", "12:30", "nan", "inf",   "tRUE", "0o8", "- 1", "--1"})
    CHECK(scalar<std::string>(word) == word);
  for (const auto* nothing : {"", "~", "null", "NULL"}) CHECK(plain_scalar(nothing, {}).is_null());
  CHECK(looks_octal("010"));
  CHECK(looks_octal("-007"));
  CHECK(!looks_octal("0"));
  CHECK(!looks_octal("0.5"));
}

TEST_CASE("yaml: marks count from 1, quoted scalars stay text, order is kept") {
  const auto v = parse("a: 1\nlist:\n  - \"2\"\n  - on\n\"b\": ~\n");
  const auto& map = *v.get_if<value::map>();
  REQUIRE(map.size() == 3);
  CHECK(map[0].key == "a");
  CHECK(map[1].key_where.line == 2);
  CHECK(map[1].key_where.column == 1);
  const auto& list = *map[1].item.get_if<value::list>();
  CHECK(list[0].where().line == 3);
  CHECK(list[0].where().column == 5);
  CHECK(*list[0].get_if<std::string>() == "2");
  CHECK(*list[1].get_if<std::string>() == "on");
  CHECK(map[2].item.is_null());
  CHECK(v.find("b") != nullptr);
}

TEST_CASE("yaml: keys are words, whatever they look like") {
  const auto v = parse("5: a\ntrue: b\non: c\n");
  CHECK(v.find("5") != nullptr);
  CHECK(v.find("true") != nullptr);
  CHECK(v.find("on") != nullptr);
}

TEST_CASE("yaml: aliases are copies") {
  const auto v = parse("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n");
  CHECK(v.find("b")->find("k") != nullptr);
  CHECK(v.find("c")->get_if<value::list>()->size() == 2);
}

TEST_CASE("yaml: an empty file is nothing, not an error") {
  CHECK(parse("").is_null());
  CHECK(parse("# only words\n").is_null());
}

TEST_CASE("yaml: of duplicate keys the first stays") {
  diagnostics findings;
  const auto v = parse_yaml("f", "a: 1\na: {b: 2}\nc: 3\n", findings);
  REQUIRE(v);
  CHECK(findings.items().size() == 1);
  CHECK(*v->find("a")->get_if<std::int64_t>() == 1);
  CHECK(v->find("c") != nullptr);
}

TEST_CASE("yaml: what is refused") {
  CHECK(code_of("a: [1, 2") == "yaml.syntax");
  CHECK(code_of("a: *nobody\n") == "yaml.syntax");
  CHECK(code_of("a: &x [*x]\n") == "yaml.syntax");
  CHECK(code_of("\"\\q\"") == "yaml.syntax");
  CHECK(code_of("? [a]\n: b\n") == "yaml.unsupported");
  CHECK(code_of("a: !!str 5\n") == "yaml.unsupported");
  CHECK(code_of("{~: 5}\n") == "yaml.unsupported");
  CHECK(code_of("a: 1\n---\nb: 2\n") == "yaml.unsupported");
  CHECK(code_of("a: 1\n--- {? [a] : b}\n") == "yaml.unsupported");
  CHECK(code_of("a: 010\n") == "yaml.number");
}

TEST_CASE("yaml: limits hold, whatever is thrown at them") {
  CHECK(code_of(std::string(200, 'a'), {.max_bytes = 100}) == "yaml.limit");
  CHECK(code_of("[1, 2, 3, 4]", {.max_nodes = 4}) == "yaml.limit");
  CHECK(code_of("[[[1]]]", {.max_depth = 2}) == "yaml.limit");
  CHECK(code_of(std::string(5000, '[')).starts_with("yaml."));
  CHECK(code_of(std::string(5000, '{')).starts_with("yaml."));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  CHECK(code_of(bomb) == "yaml.limit");
}

}  // namespace hocket::spec
