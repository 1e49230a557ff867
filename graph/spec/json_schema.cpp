#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/contract/config.hpp"
#include "graph/spec/docs.hpp"
#include "graph/spec/spec.hpp"

namespace hocket::spec {
namespace {

using json = nlohmann::ordered_json;

json ref(const char* name) { return {{"$ref", fmt::format("#/$defs/{}", name)}}; }

/// A map with these keys and no others.
json closed(json properties, std::vector<std::string> required = {}) {
  json out = {{"type", "object"}};
  if (!required.empty()) out["required"] = std::move(required);
  out["additionalProperties"] = false;
  out["properties"] = std::move(properties);
  return out;
}

json described(json schema, std::string text) {
  schema["description"] = std::move(text);
  return schema;
}

/// Anything but a string may also be written as a reference.
json or_reference(json schema) {
  return {{"anyOf", json::array({std::move(schema), ref("reference")})}};
}

json integer(double min, double max) {
  return or_reference({{"type", "integer"}, {"minimum", min}, {"maximum", max}});
}

json number(double min, double max) {
  return or_reference({{"type", "number"}, {"minimum", min}, {"maximum", max}});
}

json choice(std::vector<std::string> values) { return or_reference({{"enum", std::move(values)}}); }

json scalar_schema(const field_info& f, const std::string& type) {
  json s;
  if (type == "bool") s = {{"type", "boolean"}};
  if (type == "int") s = {{"type", "integer"}};
  if (type == "number") s = {{"type", "number"}};
  if (type == "string") s = {{"type", "string"}};
  if (f.min) s["minimum"] = *f.min;
  if (f.max) s["maximum"] = *f.max;
  if (!f.choices.empty()) s = {{"enum", f.choices}};
  return s;
}

json field_schema(const field_doc& f, const registry& types);

json config_schema(config_base& config, const registry& types, json properties,
                   std::vector<std::string> required) {
  for (const auto& f : document(config)) {
    const auto dot = f.info.name.find('.');
    if (dot != f.info.name.npos && !f.info.name.starts_with("pii.")) {  // a key of a map inside
      auto& group = properties[f.info.name.substr(0, dot)];
      if (group.is_null()) group = closed(json::object());
      group["properties"][f.info.name.substr(dot + 1)] = field_schema(f, types);
      continue;
    }
    properties[f.info.name] = field_schema(f, types);
    if (f.info.required) required.push_back(f.info.name);
  }
  return closed(std::move(properties), std::move(required));
}

/// A part by its name alone, or with settings.
json part_schema(part_kind kind, const registry& types) {
  json forms = json::array();
  const auto names = types.part_names(kind);
  if (!names.empty()) forms.push_back({{"enum", names}});
  for (const auto& name : names) {
    const auto* type = types.find_part(kind, name);
    const auto config = type->make_config();
    forms.push_back(described(config_schema(*config, types, {{"use", {{"const", name}}}}, {"use"}),
                              type->summary));
  }
  forms.push_back(ref("reference"));
  return {{"anyOf", std::move(forms)}};
}

/// The tools of plugins by name; those of sources are known when they open.
json tool_schema(const registry& types) {
  json forms = json::array();
  if (!types.tool_names().empty()) forms.push_back({{"enum", types.tool_names()}});
  forms.push_back({{"const", "*"}});
  forms.push_back({{"type", "string"}, {"pattern", R"(^[a-z0-9_]+\..+$)"}});
  return {{"anyOf", std::move(forms)}};
}

json field_schema(const field_doc& f, const registry& types) {
  json s;
  if (f.info.parts != part_kind::none) {
    s = part_schema(f.info.parts, types);
    if (f.type.ends_with(" map"))
      s = {{"type", "object"},
           {"propertyNames", {{"pattern", "^[a-z0-9_]+$"}}},
           {"additionalProperties", std::move(s)}};
  } else if (f.type == "string list" || f.type == "number list") {
    auto item = scalar_schema(f.info, f.type.substr(0, f.type.find(' ')));
    if (f.info.is_tool_list) item = tool_schema(types);
    s = {{"type", "array"}, {"items", or_reference(std::move(item))}};
  } else {
    s = scalar_schema(f.info, f.type);
    if (f.type != "string" || !f.info.choices.empty()) s = or_reference(std::move(s));
  }
  auto doc = f.info.doc;
  if (!f.info.unit.empty()) doc += fmt::format(" [{}]", f.info.unit);
  s["description"] = doc;
  if (!f.info.required) s["default"] = json::parse(f.default_text, nullptr, false);
  return s;
}

json inputs_schema(const component_info& info) {
  json properties = json::object();
  std::vector<std::string> required;
  for (const auto& p : info.inputs) {
    properties[p.name] = described(ref("links"), fmt::format("{}: {}", p.type.to_string(), p.doc));
    if (p.required) required.push_back(p.name);
  }
  return closed(std::move(properties), std::move(required));
}

json own_keys() {
  return {{"component", {{"type", "string"}}},
          {"on",
           {{"anyOf", {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}},
            {"description", "host that runs it; of replicas, a list"}}},
          {"replicas", described(integer(1, 64), "instances that share the conversations")},
          {"doc", {{"type", "string"}}},
          {"policy", choice({"immediate", "latest", "aligned", "micro_turn"})},
          {"restart", ref("restart")},
          {"process", ref("process")},
          {"payloads",
           {{"type", "object"},
            {"description", "schemas that its ports carry, by port"},
            {"additionalProperties", {{"type", "string"}}}}},
          {"watchdog_ms",
           described(integer(0, 3.6e6), "a call that takes longer is a hang; 0 = off [ms]")}};
}

json component_schema(const component_type& type, const registry& types) {
  const auto& info = type.info;
  auto properties = own_keys();
  properties["component"] = described({{"const", info.type}}, info.summary);
  std::vector<std::string> required = {"component"};
  properties["inputs"] = inputs_schema(info);
  for (const auto& p : info.inputs)
    if (p.required && required.back() != "inputs") required.push_back("inputs");
  const auto config = type.make_config();
  return config_schema(*config, types, std::move(properties), std::move(required));
}

json actor_schema(const registry& types) {
  json rules = json::array();
  json names = json::array();
  for (const auto& name : types.component_names()) {
    names.push_back(name);
    rules.push_back(
        {{"if", {{"properties", {{"component", {{"const", name}}}}}, {"required", {"component"}}}},
         {"then", ref(("component." + name).c_str())}});
  }
  rules.push_back({{"if", {{"required", {"include"}}}}, {"then", ref("include")}});
  return {{"type", "object"},
          {"properties", {{"component", {{"enum", names}}}}},
          {"anyOf", {{{"required", {"component"}}}, {{"required", {"include"}}}}},
          {"allOf", rules}};
}

json definitions(const registry& types) {
  json defs;
  defs["reference"] = {{"type", "string"}, {"pattern", R"(^\$\{(param|env):[^}]+\}$)"}};
  defs["queue"] = closed(
      {{"size", described(integer(1, 65536), "packets it holds")},
       {"full", choice({"block", "drop_oldest", "drop_newest", "latest"})},
       {"max_age_ms", described(integer(0, 3.6e6), "older packets are dropped; 0 = no limit")}});
  defs["link"] = {{"anyOf",
                   {{{"type", "string"}, {"pattern", R"(^.+\..+$)"}},
                    closed({{"from", {{"type", "string"}}},
                            {"queue", ref("queue")},
                            {"back_edge", or_reference({{"type", "boolean"}})}},
                           {"from"})}}};
  defs["links"] = {
      {"anyOf", {ref("link"), {{"type", "array"}, {"minItems", 1}, {"items", ref("link")}}}}};
  defs["restart"] = closed({{"policy", choice({"never", "on_failure", "always"})},
                            {"max", integer(0, 1e6)},
                            {"within_s", number(0.001, 86400)},
                            {"backoff_ms", integer(0, 3.6e6)},
                            {"backoff_max_ms", integer(0, 3.6e6)},
                            {"then", choice({"stop_graph", "continue"})}});
  defs["process"] = {
      {"description", "shared with the run, or of its own, with what the kernel lets it reach"},
      {"anyOf",
       {choice({"own", "shared"}),
        closed({{"network", choice({"none", "any"})},
                {"reaches", {{"type", "array"}, {"items", {{"type", "string"}}}}},
                {"memory_mb", described(integer(16, 1 << 20), "of its own data [MB]")},
                {"cpu_s", described(integer(0, 1e9), "processor time; 0 = no limit [s]")},
                {"file_mb", described(integer(0, 1 << 20), "of each file that it writes [MB]")},
                {"reads", {{"type", "array"}, {"items", {{"type", "string"}}}}},
                {"writes", {{"type", "array"}, {"items", {{"type", "string"}}}}}})}}};
  defs["include"] = closed(
      {{"include",
        {{"anyOf",
          {{{"type", "string"}},
           closed({{"file", {{"type", "string"}}}, {"with", {{"type", "object"}}}}, {"file"})}}}},
       {"on", {{"type", "string"}}},
       {"doc", {{"type", "string"}}},
       {"inputs", {{"type", "object"}, {"additionalProperties", ref("links")}}}},
      {"include"});
  defs["actor"] = actor_schema(types);
  for (const auto& name : types.component_names())
    defs["component." + name] = component_schema(*types.find_component(name), types);
  return defs;
}

json host_schema() {
  return closed({{"listen", {{"type", "string"}, {"pattern", "^(tcp://.+:[0-9]+|ipc://.+)$"}}},
                 {"key", {{"type", "string"}}},
                 {"insecure", {{"type", "boolean"}}},
                 {"shared_memory", {{"type", "boolean"}}},
                 {"rewires", {{"type", "boolean"}}}},
                {"listen"});
}

json payload_schema() {
  const json bytes = integer(0, 1 << 26);
  return {{"anyOf",
           {closed({{"json", {{"type", "string"}}}}, {"json"}),
            closed({{"protobuf", {{"type", "string"}}}, {"message", {{"type", "string"}}}},
                   {"protobuf", "message"}),
            closed({{"bytes", {{"const", true}}},
                    {"min_bytes", bytes},
                    {"max_bytes", integer(1, 1 << 26)}},
                   {"bytes"})}}};
}

json budget_schema() {
  return closed({{"path", {{"type", "array"}, {"minItems", 2}, {"items", {{"type", "string"}}}}},
                 {"limit_ms", number(1, 3.6e6)},
                 {"on_miss", choice({"report", "stop"})}},
                {"path", "limit_ms"});
}

json param_schema() {
  return {{"anyOf",
           {{{"type", {"string", "number", "boolean", "array", "null"}}},
            closed({{"type", {{"enum", {"any", "string", "int", "number", "bool", "list", "map"}}}},
                    {"default", json::object()},
                    {"doc", {{"type", "string"}}},
                    {"choices", {{"type", "array"}}}})}}};
}

json map_of(json schema) {
  return {{"type", "object"},
          {"propertyNames", {{"pattern", "^[a-z][a-z0-9_]*$"}}},
          {"additionalProperties", std::move(schema)}};
}

}  // namespace

std::string json_schema(const registry& types) {
  const json properties = {
      {"hocket", described({{"const", 1}}, "schema version")},
      {"name", described({{"type", "string"}}, "name of the graph")},
      {"doc", {{"type", "string"}}},
      {"params", map_of(param_schema())},
      {"clock", closed({{"micro_turn_ms", integer(10, 10000)}})},
      {"hosts", map_of(host_schema())},
      {"plugins", {{"type", "array"}, {"items", {{"type", "string"}}}}},
      {"inputs",
       map_of({{"anyOf",
                {{{"type", "null"}},
                 closed({{"doc", {{"type", "string"}}}, {"required", {{"type", "boolean"}}}})}}})},
      {"outputs", map_of(ref("link"))},
      {"schemas", map_of(payload_schema())},
      {"actors", map_of(ref("actor"))},
      {"budgets", {{"type", "array"}, {"items", budget_schema()}}}};
  json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "Hocket graph"},
              {"description", "Generated from the registered components: do not edit."}};
  out.update(closed(properties, {"hocket", "actors"}));
  out["$defs"] = definitions(types);
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hocket::spec
