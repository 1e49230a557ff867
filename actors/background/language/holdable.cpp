#include "actors/background/language/holdable.hpp"

#include "engine/language/constraint/grammar.hpp"
#include "engine/language/constraint/json_schema.hpp"

namespace hocket::background {
namespace {

using json = nlohmann::ordered_json;

bool can_hold(const json& schema) {
  language::grammar_builder g;
  const auto made = language::add_json(g, schema, g.finish());
  return made || made.error().code == "constraint.empty";
}

/// What references of a part of `whole` lead to.
json with_definitions(json part, const json& whole) {
  for (const char* key : {"$defs", "definitions"})
    if (whole.contains(key)) part[key] = whole[key];
  return part;
}

json widened(const json& schema) {
  json out = {{"type", "object"}};
  if (!schema.is_object()) return out;
  out = with_definitions(std::move(out), schema);
  const auto properties = schema.find("properties");
  if (properties != schema.end() && properties->is_object()) {
    out["properties"] = json::object();
    for (const auto& [name, of_it] : properties->items()) {
      const json alone = {
          {"type", "object"}, {"properties", {{name, of_it}}}, {"required", {name}}};
      out["properties"][name] = can_hold(with_definitions(alone, schema)) ? of_it : json::object();
    }
  }
  const auto required = schema.find("required");
  if (required != schema.end()) out["required"] = *required;
  const auto more = schema.find("additionalProperties");
  if (more != schema.end() && more->is_boolean()) out["additionalProperties"] = *more;
  return can_hold(out) ? out : json{{"type", "object"}};
}

}  // namespace

json holdable(const json& tools) {
  auto out = tools;
  for (auto& t : out)
    if (auto& schema = t["function"]["parameters"]; !can_hold(schema)) schema = widened(schema);
  return out;
}

}  // namespace hocket::background
