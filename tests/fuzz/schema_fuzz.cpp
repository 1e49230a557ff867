#include <nlohmann/json.hpp>

#include "engine/language/constraint/constraint.hpp"
#include "engine/language/constraint/json_schema.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a JSON Schema, such as a tool server sends.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > 4096) return;
  const std::string text(bytes.begin(), bytes.end());
  const auto schema = language::strict_ordered_json(text, "schema");
  if (!schema) return;
  const auto g = language::grammar_of_schema(*schema);
  if (!g) {
    HOCKET_ASSERT(g.error().code.starts_with("constraint."));
    return;
  }
  // The shortest text is one that is allowed, and JSON.
  language::grammar_walk walk(*g);
  int state = walk.start();
  std::string said;
  while (!walk.may_end(state)) {
    HOCKET_ASSERT(walk.distance(state) > 0);
    if (said.size() > 20000) return;
    int next = language::grammar_walk::nowhere;
    std::uint8_t byte = 0;
    for (int b = 0; b < 256 && next == language::grammar_walk::nowhere; ++b) {
      const int to = walk.step(state, static_cast<std::uint8_t>(b));
      if (to != language::grammar_walk::nowhere && walk.distance(to) < walk.distance(state))
        next = to, byte = static_cast<std::uint8_t>(b);
    }
    if (walk.gave_up()) return;
    HOCKET_ASSERT(next != language::grammar_walk::nowhere);
    said += static_cast<char>(byte);
    state = next;
  }
  HOCKET_ASSERT(nlohmann::json::accept(said));
}

std::vector<std::string> seeds() {
  return {
      R"({"type":"object","properties":{"a":{"type":"string","minLength":2,"pattern":"^x+$"},)"
      R"("n":{"type":"integer","minimum":-3,"maximum":120}},"required":["a"]})",
      R"({"$defs":{"t":{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/t"}}]}},)"
      R"("$ref":"#/$defs/t"})",
      R"({"oneOf":[{"const":1},{"enum":["a",null]}],"allOf":[{"multipleOf":5},{"format":"date"}]})",
      R"({"type":"object","patternProperties":{"^x":{}},"propertyNames":{"maxLength":3},)"
      R"("minProperties":2,"additionalProperties":{"type":["null","boolean"]}})",
      R"({"type":"array","prefixItems":[true,{"type":"number","exclusiveMinimum":0.5}],)"
      R"("uniqueItems":true,"maxItems":1})"};
}

}  // namespace

extern const target schema;
const target schema = {"schema", run, seeds};

}  // namespace hocket::fuzz
