#include "graph/contract/plugin.hpp"

#include <doctest/doctest.h>

namespace hocket {
namespace {

// Made by tests/golden/plugins.
const std::string made = HOCKET_BINARY_DIR "/plugins_for_tests/";

error refusal(const std::string& path) {
  registry types;
  const auto done = load_plugin(path, types);
  CHECK(!done);
  CHECK(types.component_names().empty());
  CHECK(types.tool_names().empty());
  return done ? error{} : done.error();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("load_plugin: a plugin registers its types, and they work") {
  registry types;
  REQUIRE(load_plugin(made + "good.so", types));
  REQUIRE(types.find_tool("echo") != nullptr);
  const auto echo = types.find_tool("echo")->make();
  CHECK(echo->call("hello", {}).value() == "hello");
  REQUIRE(types.find_component("good.sink") != nullptr);
  CHECK(types.find_component("good.sink")->info.inputs[0].queue.size > 0);
  CHECK(load_plugin(made + "good.so", types).error().code == "registry.duplicate");
}

TEST_CASE("load_plugin: refusals are clear, and nothing is left behind") {
  CHECK(refusal(made + "nowhere.so").code == "plugin.cannot_load");
  CHECK(refusal(HOCKET_SOURCE_DIR "/LICENSE").code == "plugin.cannot_load");
  const auto library = refusal(made + "plain.so");
  CHECK(library.code == "plugin.not_a_plugin");
  CHECK(has(library.message, "hocket_plugin_abi"));
  const auto stranger = refusal(made + "stranger.so");
  CHECK(stranger.code == "plugin.abi_mismatch");
  CHECK(has(stranger.message, "hocket-0.0-0-cxx98"));
  CHECK(has(stranger.message, HOCKET_PLUGIN_ABI));
  const auto half = refusal(made + "half.so");
  CHECK(half.code == "half.broken");
  CHECK(has(half.message, "half.so"));
  CHECK(refusal(made + "thrower.so").code == "plugin.threw");
}

}  // namespace hocket
