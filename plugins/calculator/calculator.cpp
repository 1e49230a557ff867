#include <cmath>
#include <fmt/format.h>
#include <muParser.h>
#include <nlohmann/json.hpp>
#include <regex>
#include "graph/text/number_words.hpp"
#include "graph/contract/plugin.hpp"

using namespace hocket;

struct calculator final : tool {
  static tool_info info() {
    return {"calculator", "Works out a sum: + - * / ^, parentheses, sqrt, sin, ...",
            R"({"properties":{"expression":{"type":"string"}},"required":["expression"]})"};
  }
  result<std::string> call(const std::string& arguments, const tool_context&) override try {
    mu::Parser parser;
    parser.SetExpr(nlohmann::json::parse(arguments).at("expression").get<std::string>());
    if (const double value = parser.Eval(); parser.GetNumResults() == 1 && std::isfinite(value))
      return fmt::format("{:.10g}", value);
    return fail("calculator.expression", "no single finite result");
  } catch (const mu::ParserError& e) {
    return fail("calculator.expression", e.GetMsg());
  } catch (const nlohmann::json::exception&) {
    return fail("calculator.arguments", R"(needs {"expression": "7*8"})");
  }
};

static std::string sum_in_words(std::string_view task) {
  auto sum = with_digits(task);
  const std::pair<const char*, const char*> signs[] = {
      {" plus ", " + "}, {" minus ", " - "}, {" times ", " * "}, {" (over|divided by) ", " / "}};
  for (const auto& [word, sign] : signs) sum = std::regex_replace(sum, std::regex(word), sign);
  static const std::regex expression(R"(\d[\d.]*( [-+*/] -?\d[\d.]*)+)");
  if (std::smatch found; std::regex_search(sum, found, expression))
    return nlohmann::json{{"expression", found.str()}}.dump();
  return "";
}

HOCKET_PLUGIN(calculator) {
  HOCKET_TRY(into.add(tool_of<calculator>()));
  return into.add(tool_words{"calculator", sum_in_words});
}
