#include "graph/contract/plugin.hpp"

#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "graph/contract/plugin_note.hpp"

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
  CHECK(has(library.message, ".hocket.plugin"));
  const auto stranger = refusal(made + "stranger.so");
  CHECK(stranger.code == "plugin.abi_mismatch");
  CHECK(has(stranger.message, "hocket-0.0-0-cxx98"));
  CHECK(has(stranger.message, HOCKET_PLUGIN_ABI));
  const auto half = refusal(made + "half.so");
  CHECK(half.code == "half.broken");
  CHECK(has(half.message, "half.so"));
  CHECK(refusal(made + "thrower.so").code == "plugin.threw");
}

TEST_CASE("check_plugin: says the same, and runs nothing: the constructors of the bad ones trap") {
  CHECK(check_plugin(made + "good.so"));
  CHECK(check_plugin(made + "half.so"));
  CHECK(check_plugin(made + "plain.so").error().code == "plugin.not_a_plugin");
  CHECK(check_plugin(made + "stranger.so").error().code == "plugin.abi_mismatch");
  CHECK(check_plugin("/dev/null").error().code == "plugin.cannot_load");
  CHECK(check_plugin("/tmp").error().code == "plugin.cannot_load");
}

TEST_CASE("plugin notes: no cut and no changed byte of a library is misread") {
  std::ostringstream bytes;
  bytes << std::ifstream(made + "good.so", std::ios::binary).rdbuf();
  const auto whole = bytes.str();
  const auto note = parse_plugin_note(whole);
  REQUIRE(note);
  CHECK(note->name == "good");
  CHECK(note->abi == HOCKET_PLUGIN_ABI);
  for (std::size_t n = 0; n < whole.size(); n += 1 + n / 7)
    CHECK(!parse_plugin_note(std::string_view(whole).substr(0, n)));
  // Every byte of both headers' worth, to each of three values: an answer or an error, no crash.
  for (std::size_t at = 0; at < 64; ++at)
    for (const char v : {'\0', '\x7f', '\xff'}) {
      auto other = whole;
      other[at] = v;
      if (const auto read = parse_plugin_note(other)) CHECK(read->name == "good");
    }
}

}  // namespace hocket
