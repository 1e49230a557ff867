#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <regex>

#include "graph/contract/number_words.hpp"
#include "graph/contract/plugin.hpp"

using namespace hocket;

namespace {

// Works an expression out from left to right, one function per precedence; NaN marks a mistake.
struct parser {
  const char* p;
  double sum() {
    double v = product();
    while (*p == '+' || *p == '-') v = *p++ == '+' ? v + product() : v - product();
    return v;
  }
  double product() {
    double v = atom();
    while (*p == '*' || *p == '/') v = *p++ == '*' ? v * atom() : v / atom();
    return v;
  }
  double atom() {
    if (*p == '-') return ++p, -atom();
    if (*p == '(') {
      const double v = (++p, sum());
      return *p++ == ')' ? v : (--p, NAN);
    }
    char* end = nullptr;
    const double v = std::isdigit(static_cast<unsigned char>(*p)) ? std::strtod(p, &end) : NAN;
    return end ? (p = end, v) : v;
  }
};

struct calculator final : tool {
  static tool_info info() {
    return {"calculator",
            "Works out a sum: + - * / and parentheses.",
            R"({"type":"object","properties":{"expression":{"type":"string","maxLength":200}},)"
            R"("required":["expression"],"additionalProperties":false})",
            {.time_limit_ms = 1000}};
  }
  result<std::string> call(const std::string& arguments, const tool_context&) override {
    const auto json = nlohmann::json::parse(arguments, nullptr, false);
    if (!json.is_object() || !json.contains("expression") || !json["expression"].is_string())
      return fail("calculator.arguments", R"(needs {"expression": "7*8"})");
    auto sum = json["expression"].get<std::string>();
    std::erase(sum, ' ');
    parser work{sum.c_str()};
    const double v = sum.size() <= 200 ? work.sum() : NAN;
    if (*work.p || !std::isfinite(v))
      return fail("calculator.expression", "not a sum with a result");
    return fmt::format("{:.10g}", v);
  }
  std::string match(std::string_view task) const override {
    static const std::regex sum(R"(\d[\d.]*( (plus|minus|times|over|divided by) -?\d[\d.]*)+)");
    const auto words = with_digits(task);
    std::smatch found;
    if (!std::regex_search(words, found, sum)) return "";
    std::string expression = found.str();
    for (const auto& [word, sign] : {std::pair{"plus", "+"},
                                     {"minus", "-"},
                                     {"times", "*"},
                                     {"over", "/"},
                                     {"divided by", "/"}})
      expression = std::regex_replace(expression, std::regex(word), sign);
    return nlohmann::json{{"expression", expression}}.dump();
  }
};

}  // namespace

HOCKET_PLUGIN(calculator) { return into.add(tool_of<calculator>()); }
