#include "graph/spec/docs.hpp"

#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "graph/spec/dot.hpp"
#include "graph/spec/plan.hpp"
#include "tests/golden/fake_types.hpp"

// Texts that are generated from a registry or a plan equal the files in tests/golden/docs;
// HOCKET_GOLDEN_UPDATE=1 writes them anew.
namespace hocket::spec {
namespace {

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

void check_golden(const std::string& name, const std::string& got) {
  const auto path = std::string(HOCKET_SOURCE_DIR "/tests/golden/docs/") + name;
  if (std::getenv("HOCKET_GOLDEN_UPDATE") != nullptr) std::ofstream(path, std::ios::binary) << got;
  CAPTURE(name);
  CHECK(got == read(path));
}

}  // namespace

TEST_CASE("docs: what describe shows") {
  const auto types = test::fake_types();
  std::string text, tables;
  for (const auto& name : types.component_names()) {
    const auto& type = *types.find_component(name);
    text += describe_text(type) + "\n";
    tables += readme_tables(type) + "\n";
    CHECK(nlohmann::json::parse(describe_json(type))["type"] == name);
  }
  for (const auto& name : types.tool_names()) text += describe_text(*types.find_tool(name)) + "\n";
  for (const auto kind : {part_kind::planner, part_kind::tool_source})
    for (const auto& name : types.part_names(kind)) {
      const auto& type = *types.find_part(kind, name);
      text += describe_text(kind, type) + "\n";
      CHECK(nlohmann::json::parse(describe_json(kind, type))["name"] == name);
    }
  check_golden("describe.txt", text);
  check_golden("tables.md", tables);
  check_golden("model.json", describe_json(*types.find_component("fake.model")));
  check_golden("abacus.json", describe_json(*types.find_tool("abacus")));
}

TEST_CASE("docs: the schema knows every component, key and port") {
  const auto types = test::fake_types();
  const auto text = json_schema(types);
  check_golden("schema.json", text);
  const auto schema = nlohmann::json::parse(text);
  for (const auto& name : types.component_names()) {
    CAPTURE(name);
    const auto& type = *types.find_component(name);
    const auto& properties = schema["$defs"]["component." + name]["properties"];
    const auto config = type.make_config();
    for (const auto& f : document(*config)) CHECK(properties.contains(f.info.name));
    for (const auto& p : type.info.inputs)
      CHECK(properties["inputs"]["properties"].contains(p.name));
  }
}

TEST_CASE("docs: DOT has clusters, labels and dashed back edges") {
  const auto path = std::string("tests/golden/graph/fine.talk.yaml");
  load_options options;
  options.env = [](const std::string& name) -> std::optional<std::string> {
    return name == "RATE" ? "16000" : "usb";
  };
  diagnostics findings;
  const auto types = test::fake_types();
  const auto p = load_plan(path, read(HOCKET_SOURCE_DIR "/" + path), types, options, findings);
  REQUIRE(p);
  check_golden("talk.dot", to_dot(*p));
}

TEST_CASE("docs: a README keeps everything outside the markers") {
  const std::string tables = "| a |\n";
  const auto block = std::string(docs_begin) + "\n" + tables + std::string(docs_end);
  CHECK(update_readme("# x\n", tables).value() == "# x\n\n" + block + "\n");
  CHECK(update_readme("", tables).value() == block + "\n");
  const auto once = update_readme("# x\n\nbefore\n", tables).value() + "after\n";
  CHECK(update_readme(once, tables).value() == once);
  CHECK(update_readme(once, "| b |\n").value().find("| a |") == std::string::npos);
  CHECK(update_readme(once, "| b |\n").value().ends_with("after\n"));
  CHECK(update_readme(std::string(docs_begin), tables).error().code == "docs.markers");
  CHECK(update_readme(std::string(docs_end) + std::string(docs_begin), tables).error().code ==
        "docs.markers");
}

}  // namespace hocket::spec
