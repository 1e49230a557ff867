#include "guest.hpp"

namespace {

struct greet final : hocket::tool {
  static hocket::tool_info info() {
    return {"greet", "Greets whoever is named.", R"({"type":"object"})", {.time_limit_ms = 100}};
  }
  hocket::result<std::string> call(const std::string& name, const hocket::tool_context&) override {
    return "good day, " + name;
  }
};

}  // namespace

hocket::tool_type greet_tool() { return hocket::tool_of<greet>(); }
