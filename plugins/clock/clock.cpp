#include <ctime>
#include <fmt/format.h>
#include <regex>

#include "graph/contract/plugin.hpp"

using namespace hocket;

// In virtual time there is no hour of the day that would be the same tomorrow: the tool then counts
// from 10:00, and its summary says so, so that such a run is repeatable.
struct clock_tool final : tool {
  static tool_info info() {
    return {"clock",
            "Says the local time of day on a 12-hour clock (from 10:00 on in virtual time).",
            R"({"type":"object","properties":{},"additionalProperties":false})"};
  }
  result<std::string> call(const std::string&, const tool_context& context) override {
    std::tm now{};
    if (context.time && context.time->is_virtual()) {
      const auto minutes = static_cast<int>(context.time->now().seconds() / 60);
      now.tm_hour = (10 + minutes / 60) % 24;
      now.tm_min = minutes % 60;
    } else {
      const auto seconds = std::time(nullptr);
      if (!localtime_r(&seconds, &now)) return fail("clock.failed", "no local time");
    }
    return fmt::format("{}:{:02}", (now.tm_hour + 11) % 12 + 1, now.tm_min);
  }
};

static std::string asked_in_words(std::string_view task) {
  static const std::regex asked(R"(\bwhat time|\bthe time\b|^time$|\bo'?clock\b)",
                                std::regex::icase);
  return std::regex_search(task.begin(), task.end(), asked) ? "{}" : "";
}

HOCKET_PLUGIN(clock) {
  HOCKET_TRY(into.add(tool_of<clock_tool>()));
  return into.add(tool_words{"clock", asked_in_words});
}
