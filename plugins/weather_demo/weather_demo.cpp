#include <algorithm>
#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "graph/contract/plugin.hpp"

using namespace hocket;

namespace {

constexpr std::array<std::pair<const char*, const char*>, 8> table = {{{"paris", "sunny"},
                                                                       {"london", "rainy"},
                                                                       {"berlin", "cloudy"},
                                                                       {"rome", "sunny"},
                                                                       {"tokyo", "windy"},
                                                                       {"madrid", "foggy"},
                                                                       {"cairo", "sunny"},
                                                                       {"oslo", "snowy"}}};

/// Cities are written with capitals, or not.
std::string lower(std::string_view s) {
  std::string out(s);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

struct weather_demo final : tool {
  static tool_info info() {
    return {"weather_demo",
            "Canned demo data, not a forecast: one fixed word per city.",
            R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})",
            {.time_limit_ms = 1000}};
  }
  result<std::string> call(const std::string& arguments, const tool_context&) override {
    const auto json = nlohmann::json::parse(arguments, nullptr, false);
    const auto given = json.is_object() ? json.value("city", nlohmann::json()) : nlohmann::json();
    for (const auto& [city, weather] : table)
      if (given.is_string() && lower(given.get<std::string>()) == city) return weather;
    return fail("weather_demo.unknown_city", "the demo table has no such city");
  }
};

std::string asked_in_words(std::string_view said) {
  const auto task = lower(said);
  if (task.find("weather") == task.npos) return "";
  for (const auto& [city, _] : table)
    if (task.find(city) != task.npos) return nlohmann::json{{"city", city}}.dump();
  return R"({"city":""})";
}

}  // namespace

HOCKET_PLUGIN(weather_demo) {
  HOCKET_TRY(into.add(tool_of<weather_demo>()));
  return into.add(tool_words{"weather_demo", asked_in_words});
}
