#include "tools/hocket/graphs/templates.hpp"

namespace hocket::cli {
namespace {

constexpr const char* tool_source = R"~~~(#include <nlohmann/json.hpp>

#include "graph/contract/plugin.hpp"

// A namespace of its own: what is named here is never taken for something of the library's.
namespace hocket::plugin_@word@ {

struct @word@_tool final : tool {
  static tool_info info() {
    return {"@type@", "Says back the text it is given.",
            R"({"type": "object", "properties": {"text": {"type": "string"}},
                "required": ["text"], "additionalProperties": false})",
            {.time_limit_ms = 1000}};
  }
  result<std::string> call(const std::string& arguments_json, const tool_context&) override {
    const auto arguments = nlohmann::json::parse(arguments_json, nullptr, false);
    if (!arguments.is_object() || !arguments.value("text", nlohmann::json()).is_string())
      return fail("@word@.bad_arguments", "@type@ wants {\"text\": string}");
    return arguments["text"].get<std::string>();
  }
};

// For `planner: match`, which no language model helps: which tasks in words are for this tool, and
// with which arguments: "@type@ hello".
std::string asked_in_words(std::string_view task) {
  constexpr std::string_view start = "@type@ ";
  if (!task.starts_with(start)) return "";
  return nlohmann::json{{"text", task.substr(start.size())}}.dump();
}

}  // namespace hocket::plugin_@word@

HOCKET_PLUGIN(@word@) {
  namespace own = hocket::plugin_@word@;
  HOCKET_TRY(into.add(hocket::tool_of<own::@word@_tool>()));
  return into.add(hocket::tool_words{"@type@", own::asked_in_words});
}
)~~~";

constexpr const char* tool_test = R"~~~(#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"

namespace hocket::plugins {
result<void> register_@word@(registry&);
}

using namespace hocket;

TEST_CASE("@type@ says back what it is given") {
  registry types;
  REQUIRE(plugins::register_@word@(types));
  const auto tool = types.find_tool("@type@")->make();
  CHECK(tool->call(R"({"text": "hello"})", {}).value() == "hello");
  CHECK(tool->call("{}", {}).error().code == "@word@.bad_arguments");
  const auto& asked = types.find_words("@type@")->arguments_for;
  CHECK(asked("@type@ hello") == R"({"text":"hello"})");
  CHECK(asked("something else") == "");
}
)~~~";

constexpr const char* component_source = R"~~~(#include <cmath>

#include "graph/contract/plugin.hpp"

// A namespace of its own: what is named here is never taken for something of the library's.
namespace hocket::plugin_@word@ {

struct @word@_component final : component {
  struct config {
    double gain_db = 0;
    void visit(config_visitor& v) {
      v.field({.name = "gain_db", .doc = "amplification", .unit = "dB", .min = -60, .max = 24},
              gain_db);
    }
  };
  static component_info info() {
    component_info out;
    out.type = "@type@";
    out.summary = "Makes sound louder or softer.";
    out.inputs = {{"audio", {.kind = payload_kind::audio}, "sound"}};
    out.outputs = {{"audio", {.kind = payload_kind::audio}, "the same sound, amplified"}};
    return out;
  }
  explicit @word@_component(config c) : factor_(static_cast<float>(std::pow(10, c.gain_db / 20))) {}

  result<void> process(std::size_t, const packet& p, emitter& out) override {
    auto chunk = *p.get_if<audio_chunk>();
    const auto samples = chunk.samples.as<float>();
    std::vector<float> louder(samples.begin(), samples.end());
    for (float& s : louder) s *= factor_;
    chunk.samples = buffer::take(std::move(louder));
    out.emit(0, p.header.ts, std::move(chunk));
    return {};
  }

 private:
  float factor_;
};

}  // namespace hocket::plugin_@word@

HOCKET_PLUGIN(@word@) {
  return into.add(hocket::type_of<hocket::plugin_@word@::@word@_component>());
}
)~~~";

constexpr const char* component_test = R"~~~(#include <doctest/doctest.h>

#include "graph/contract/harness.hpp"

namespace hocket::plugins {
result<void> register_@word@(registry&);
}

using namespace hocket;

TEST_CASE("@type@ amplifies") {
  registry types;
  REQUIRE(plugins::register_@word@(types));
  harness h(*types.find_component("@type@"), {.config = settings({{"gain_db", 20.0}})});
  REQUIRE(h.open());
  audio_chunk chunk;
  chunk.samples = buffer::take(std::vector<float>{0.01f, -0.02f});
  REQUIRE(h.push("audio", timestamp::of_ms(0), chunk));
  const auto out = h.values<audio_chunk>("audio");
  REQUIRE(out.size() == 1);
  CHECK(out[0].samples.as<float>()[1] == doctest::Approx(-0.2));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}
)~~~";

constexpr const char* tool_readme = R"~~~(# @word@
The tool `@type@`: says back the text it is given. It is not a place for what other tools need too.

    actors:
      mind: {component: background.agent, inputs: {requests: {from: model.delegations, back_edge: true}}, tools: [@type@]}
)~~~";

constexpr const char* component_readme = R"~~~(# @word@
The component `@type@`: makes sound louder or softer. It is not a place for what other components need too.

    actors:
      louder: {component: @type@, gain_db: 6, inputs: {audio: mic.audio}}
)~~~";

constexpr const char* in_tree_cmake = "hocket_plugin(@word@)\n";

// CMake has targets of its own (test, install, help): ours end in _plugin.
constexpr const char* out_of_tree_cmake = R"~~~(cmake_minimum_required(VERSION 3.25)
project(@word@_plugin LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_EXTENSIONS OFF)
find_package(Hocket 0.1 REQUIRED)
find_package(nlohmann_json REQUIRED)

# @word@.so, for `plugins: [@word@.so]` of a graph or `hocket run graph.yaml --plugin @word@.so`
hocket_add_plugin(@word@_plugin @word@.cpp LINK nlohmann_json::nlohmann_json)
set_target_properties(@word@_plugin PROPERTIES OUTPUT_NAME @word@)

# The same source built in, for the test.
find_package(doctest)
if(doctest_FOUND)
  enable_testing()
  add_executable(@word@_plugin_test @word@.cpp @word@.test.cpp)
  target_compile_definitions(@word@_plugin_test PRIVATE DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN)
  target_link_libraries(@word@_plugin_test PRIVATE Hocket::contract nlohmann_json::nlohmann_json
                        doctest::doctest)
  add_test(NAME @word@ COMMAND @word@_plugin_test)
endif()
)~~~";

constexpr const char* out_of_tree_readme = R"~~~(
Build and try:

    cmake -B build && cmake --build build && ctest --test-dir build
    hocket describe @type@ --plugin build/@word@.so

A graph names it, or the command line does:

    plugins: [build/@word@.so]

    hocket run graph.yaml --plugin build/@word@.so
    hocket docs --schema schema.json --plugin build/@word@.so    # completes its keys in an editor

A plugin runs with the rights of the process that loads it: load what you would run.
)~~~";

std::string filled(std::string text, const std::string& type, const std::string& word) {
  auto replace = [&](const std::string& mark, const std::string& by) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size()))
      text.replace(at, mark.size(), by);
  };
  replace("@type@", type);
  replace("@word@", word);
  return text;
}

}  // namespace

std::vector<template_file> plugin_template(const std::string& kind, const std::string& type,
                                           const std::string& word, bool out_of_tree) {
  const bool tool = kind == "tool";
  std::string test = tool ? tool_test : component_test;
  std::string readme = tool ? tool_readme : component_readme;
  if (out_of_tree) readme += out_of_tree_readme;
  std::vector<template_file> files = {
      {"CMakeLists.txt", out_of_tree ? out_of_tree_cmake : in_tree_cmake},
      {word + ".cpp", tool ? tool_source : component_source},
      {word + ".test.cpp", test},
      {"README.md", readme}};
  for (auto& f : files) f.text = filled(f.text, type, word);
  return files;
}

}  // namespace hocket::cli
