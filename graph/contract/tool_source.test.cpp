#include "graph/contract/tool_source.hpp"

#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"

namespace hocket {
namespace {

struct counter final : tool {
  static tool_info info() { return {"counter", "Counts its calls.", "{}", {}}; }
  int calls = 0;
  result<std::string> call(const std::string&, const tool_context&) override {
    return std::to_string(++calls);
  }
};

struct empty final : tool_source {
  struct config {
    std::string use;
    void visit(config_visitor& v) { v.field({.name = "use", .doc = "is the graph's"}, use); }
  };
  explicit empty(config) {}
  result<std::vector<tool_info>> list() override { return std::vector<tool_info>{}; }
  result<std::string> call(const std::string&, const std::string&, const tool_context&) override {
    return "";
  }
};

tool_type with_limits(std::int32_t time_limit_ms, std::size_t max_bytes) {
  auto type = tool_of<counter>();
  type.info.policy = {.time_limit_ms = time_limit_ms, .max_result_bytes = max_bytes};
  return type;
}

}  // namespace

TEST_CASE("the tools of plugins are one source") {
  registry types;
  REQUIRE(types.add(tool_of<counter>()));
  const auto source = plugin_tools(types);
  const auto all = source->list();
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().name == "counter");
  CHECK(source->call("counter", "{}", {}).value() == "1");
  CHECK(source->call("counter", "{}", {}).value() == "2");  // the same one
  CHECK(source->call("other", "{}", {}).error().code == "tool.unknown");
}

TEST_CASE("a registry refuses tools with limits that are none, and parts with keys of the graph") {
  registry types;
  for (auto& [ms, bytes] : std::vector<std::pair<std::int32_t, std::size_t>>{
           {0, 10}, {-5, 10}, {3'600'001, 10}, {10, 0}, {10, (16 << 20) + 1}})
    CHECK(types.add(with_limits(ms, bytes)).error().code == "registry.bad_limit");
  CHECK(types.add(with_limits(3'600'000, 16 << 20)));
  CHECK(types.add(source_of<empty>("empty", "nothing")).error().code == "registry.bad_field");
  CHECK(types.add(tool_words{"counter", {}}).error().code == "registry.bad_name");
  CHECK(types.add(tool_words{"counter", [](std::string_view) { return "{}"; }}));
  CHECK(types.add(tool_words{"counter", [](std::string_view) { return "{}"; }}).error().code ==
        "registry.duplicate");
}

}  // namespace hocket
