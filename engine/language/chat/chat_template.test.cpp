#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/language/chat/chat_template.hpp"

using namespace hocket;
using namespace hocket::language;
using json = nlohmann::ordered_json;

namespace {

constexpr std::time_t now = 1795860000;

std::string rendered(const std::string& source, const json& variables = json::object(),
                     const chat_template::limits& bounds = {}) {
  const auto t = chat_template::parse(source);
  if (!t) return t.error().code;
  const auto r = t->render(variables, now, bounds);
  return r ? *r : r.error().code;
}

}  // namespace

TEST_CASE("chat_template: the same text as Python's jinja2, and an error where it raises") {
  std::ifstream in(HOCKET_SOURCE_DIR "/engine/language/chat/template_fixture.json");
  const auto cases = json::parse(in);
  CHECK(cases.size() > 30);
  for (const auto& c : cases) {
    const auto source = c["source"].get<std::string>();
    const auto t = chat_template::parse(source);
    const auto r = t ? t->render(c["variables"], now) : result<std::string>(fail(t));
    if (c["out"].is_null()) {
      CHECK_MESSAGE(!r, source << " gave " << (r ? *r : ""));
    } else {
      REQUIRE_MESSAGE(r, source << ": " << (r ? "" : r.error().message));
      CHECK_MESSAGE(*r == c["out"].get<std::string>(), source);
    }
  }
}

TEST_CASE("chat_template: what a template may cost is bounded") {
  CHECK(rendered(
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}") ==
        "template.too_much");
  CHECK(
      rendered("{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}"
               "{% endfor %}") == "template.too_much");
  CHECK(rendered("{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}") ==
        "template.too_much");
  CHECK(rendered("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}") == "template.too_much");
  CHECK(rendered("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}") == "template.too_much");
  CHECK(rendered("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}") == "template.too_much");
  CHECK(rendered(
            "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l, ns.l] %}"
            "{% endfor %}{{ ns.l }}") == "template.too_much");
  CHECK(rendered(std::string(100000, '{') + std::string(100000, '(')) != "");
  CHECK(rendered("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}") ==
        "template.syntax");
  CHECK(rendered("abc", json::object(), {100, 2, 10}) == "template.too_much");
}

TEST_CASE("chat_template: refusals say what and where") {
  const auto message = [](const std::string& source) {
    const auto t = chat_template::parse(source);
    if (!t) return t.error().message;
    const auto r = t->render(json::object(), now);
    return r ? std::string("none") : r.error().message;
  };
  CHECK(message("a\nb {% if x %}") == "chat template: line 2: `endif` is missing");
  CHECK(message("{% include 'etc' %}").find("the statement `include` is not supported") !=
        std::string::npos);
  CHECK(message("{{ 1 | pow }}").find("the filter `pow` is not supported") != std::string::npos);
  CHECK(message("{{ raise_exception('roles must alternate') }}") ==
        "chat template: line 1: roles must alternate");
  CHECK(message("{{ raise_exception('\x1b[31m') }}") ==
        "chat template: line 1: (unprintable message)");
  // What fails while a conversation is filled in, whatever it is, is told with the line it stands in.
  CHECK(message("{% if true %}\n\n{{ raise_exception('roles') }}{% endif %}") ==
        "chat template: line 3: roles");
  CHECK(message("a\n{{ 'x' | join(\n1) | f }}").starts_with("chat template: line "));
  CHECK(message("a\n{% for i in range(1, 2, 0) %}{% endfor %}") ==
        "chat template: line 2: range with a step of 0");
  CHECK(message("a\nb\n{% set x = 1 + 'a' %}").starts_with("chat template: line 3: "));
  CHECK(message("{% macro m() %}\n{{ [] + 1 }}\n{% endmacro %}\n\n{{ m() }}")
            .starts_with("chat template: line 2: "));
  // Behind a macro or a block it is again the line of the statement that has them.
  CHECK(message("{% macro m() %}\nx\n{% endmacro %}\n\n{{ m() ~ raise_exception('no') }}") ==
        "chat template: line 5: no");
  CHECK(message("{% filter join(raise_exception('no')) %}\n\n{{ 1 }}{% endfilter %}") ==
        "chat template: line 1: no");
  CHECK(message("{% set x | join(raise_exception('no')) %}\n\n{{ 1 }}{% endset %}") ==
        "chat template: line 1: no");
  CHECK(message("\n{{ raise_exception('line breaks are not allowed') }}") ==
        "chat template: line 2: line breaks are not allowed");
  CHECK(message("{{ f() }}").find("there is no function `f`") != std::string::npos);
}
