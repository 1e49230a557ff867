#include "graph/contract/plugin.hpp"

namespace {

struct echo final : hocket::tool {
  static hocket::tool_info info() { return {"echo", "Says it back.", "{}", {}}; }
  hocket::result<std::string> call(const std::string& text, const hocket::tool_context&) override {
    return text;
  }
};

struct sink final : hocket::component {
  struct config {
    void visit(hocket::config_visitor&) {}
  };
  explicit sink(config) {}
  static hocket::component_info info() {
    hocket::component_info i;
    i.type = "good.sink";
    i.inputs = {{"text", {.kind = hocket::payload_kind::text}, "words"}};
    return i;
  }
};

}  // namespace

HOCKET_PLUGIN(good) {
  HOCKET_TRY(into.add(hocket::tool_of<echo>()));
#ifdef HOCKET_TEST_HALF
  return hocket::fail("half.broken", "gives up in the middle");
#endif
#ifdef HOCKET_TEST_THROWER
  throw 5;
#endif
  return into.add(hocket::type_of<sink>());
}
