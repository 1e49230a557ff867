#include <doctest/doctest.h>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"

using namespace hocket;

namespace {

/// Reads a file or runs a pipeline.
struct player final : component {
  struct config {
    std::string file, pipeline;
    void visit(config_visitor& v) {
      v.field({.name = "file", .doc = "what to read", .is_path = true}, file);
      v.field({.name = "pipeline", .doc = "or what to run", .is_pipeline = true}, pipeline);
    }
  };
  explicit player(config) {}
  static component_info info() {
    return {.type = "test.player",
            .summary = "Plays.",
            .inputs = {},
            .outputs = {{"text", {.kind = payload_kind::text}, "words"}},
            .source = true};
  }
};

std::string findings_of(const std::string& keys, const std::vector<std::string>& sets = {}) {
  registry types;
  REQUIRE(types.add(type_of<player>()));
  load_options options;
  options.sets = sets;
  diagnostics found;
  load_plan("g.yaml",
            "hocket: 1\nname: g\nparams: {where: \"\"}\nactors:\n  p: {component: test.player" +
                keys + "}\n",
            types, options, found);
  return found.has_errors() ? found.to_string() : "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a source takes a file or a pipeline: both and neither are told where they stand") {
  CHECK(findings_of(", file: a.wav") == "");
  CHECK(findings_of(", pipeline: x") == "");
  CHECK(findings_of(", file: \"\", pipeline: x") == "");
  CHECK(has(findings_of(""), "g.yaml:5:3: error: p (test.player): it has neither `file` nor"));
  CHECK(has(findings_of(", file: \"${param:where}\""), "neither"));
  CHECK(has(findings_of(", file: a.wav, pipeline: x"), "it has both `file` and `pipeline`"));
  // The command line takes one out.
  CHECK(findings_of(", file: a.wav", {"actors.p.pipeline=x", "actors.p.file="}) == "");
  CHECK(has(findings_of(", file: a.wav", {"actors.p.pipeline=x"}), "both"));
  // What is wrong anyway is told alone.
  CHECK_FALSE(has(findings_of(", fil: a.wav"), "neither"));
}
