#include "graph/spec/manifest.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/spec/docs.hpp"
#include "graph/spec/open_config.hpp"

namespace hocket::spec {
namespace {

using json = nlohmann::ordered_json;

/// The enum whose to_string is the text.
template <class Enum>
Enum named(const json& j, int count) {
  const auto text = j.get<std::string>();
  for (int i = 0; i < count; ++i)
    if (const auto e = static_cast<Enum>(i); to_string(e) == text) return e;
  throw std::invalid_argument("unknown word " + text);
}

media_type media_of(const json& j) {
  media_type m;
  m.kind = named<payload_kind>(j.at("kind"), payload_kind_count);
  m.rate_hz = j.value("rate_hz", 0);
  m.channels = j.value("channels", 0);
  if (j.contains("element")) m.element = named<dtype>(j.at("element"), 7);
  m.shape = j.value("shape", std::vector<std::int64_t>());
  m.packets_per_s = j.value("packets_per_s", 0.0);
  return m;
}

open_config::content content_of(const std::string& type, const json& given) {
  const bool absent = given.is_null();
  if (type == "bool") return !absent && given.get<bool>();
  if (type == "int") return absent ? std::int64_t{0} : given.get<std::int64_t>();
  if (type == "number") return absent ? 0.0 : given.get<double>();
  if (type == "string list")
    return absent ? std::vector<std::string>() : given.get<std::vector<std::string>>();
  if (type == "number list")
    return absent ? std::vector<double>() : given.get<std::vector<double>>();
  return absent ? std::string() : given.get<std::string>();
}

open_config::field field_of(const json& j) {
  field_info i;
  i.name = j.at("name").get<std::string>();
  i.doc = j.value("doc", "");
  i.unit = j.value("unit", "");
  if (j.contains("min")) i.min = j.at("min").get<double>();
  if (j.contains("max")) i.max = j.at("max").get<double>();
  i.choices = j.value("choices", std::vector<std::string>());
  i.required = j.value("required", false);
  i.is_path = j.value("path", false);
  i.is_output = j.value("output", false);
  i.is_pipeline = j.value("pipeline", false);
  i.is_tool_list = j.value("tools", false);
  return {i, content_of(j.at("type").get<std::string>(), j.value("default", json()))};
}

component_type component_of(const json& j) {
  component_type out;
  auto& i = out.info;
  i.type = j.at("type").get<std::string>();
  i.summary = j.value("summary", "");
  i.scope =
      j.value("scope", "session") == "shared" ? instance_scope::shared : instance_scope::session;
  i.source = j.value("source", false);
  i.ticks = j.value("ticks", false);
  i.blocking = j.value("blocking", false);
  i.period_ms = j.value("period_ms", i.period_ms);
  i.latency_ms = j.value("latency_ms", 0.0);
  for (const auto& p : j.value("policies", json::array()))
    i.policies.push_back(named<input_policy>(p, 4));
  if (!i.policies.empty()) {
    i.policy = i.policies.front();
    i.policies.erase(i.policies.begin());
  }
  for (const auto& p : j.at("inputs")) {
    const auto& q = p.at("queue");
    i.inputs.push_back({p.at("name").get<std::string>(),
                        media_of(p.at("media")),
                        p.value("doc", ""),
                        p.value("required", true),
                        {.size = q.at("size").get<std::int32_t>(),
                         .full = named<full_policy>(q.at("full"), 4),
                         .max_age_ms = q.value("max_age_ms", 0)}});
  }
  for (const auto& p : j.at("outputs"))
    i.outputs.push_back(
        {p.at("name").get<std::string>(), media_of(p.at("media")), p.value("doc", "")});
  std::vector<open_config::field> fields;
  for (const auto& f : j.at("config")) fields.push_back(field_of(f));
  out.make_config = [fields = std::move(fields)] { return std::make_unique<open_config>(fields); };
  out.make = [](config_base&) { return std::unique_ptr<component>(); };
  return out;
}

tool_type tool_from(const json& j) {
  tool_type out;
  out.info.name = j.at("name").get<std::string>();
  out.info.summary = j.value("summary", "");
  out.info.parameters_json_schema = j.contains("parameters") ? j.at("parameters").dump() : "{}";
  out.info.policy.time_limit_ms = j.value("time_limit_ms", 5000);
  out.info.policy.max_result_bytes = j.value("max_result_bytes", std::size_t{16384});
  out.info.policy.network_hosts = j.value("network_hosts", std::vector<std::string>());
  out.make = [] { return std::unique_ptr<tool>(); };
  return out;
}

tl::unexpected<error> bad(std::string_view why) {
  return fail("plugin.manifest", std::string(why));
}

}  // namespace

std::string manifest_text(const registry& without, const registry& with,
                          const std::string& library) {
  json out = {{"hocket_manifest", 1}, {"library", library}};
  out["components"] = json::array();
  out["tools"] = json::array();
  for (const auto& name : with.component_names())
    if (without.find_component(name) == nullptr)
      out["components"].push_back(json::parse(describe_json(*with.find_component(name))));
  for (const auto& name : with.tool_names())
    if (without.find_tool(name) == nullptr)
      out["tools"].push_back(json::parse(describe_json(*with.find_tool(name))));
  return out.dump(1) + "\n";
}

result<void> read_manifest(const std::string& text, const std::string& library, registry& into) {
  const auto j = json::parse(text, nullptr, false);
  if (!j.is_object()) return bad("it is no JSON object");
  auto with = into;
  try {
    if (j.value("hocket_manifest", 0) != 1) return bad("it is of another version");
    if (j.value("library", "") != library) return bad("it is of another build of the library");
    for (const auto& c : j.at("components")) HOCKET_TRY(with.add(component_of(c)));
    for (const auto& t : j.at("tools")) HOCKET_TRY(with.add(tool_from(t)));
  } catch (const std::exception& e) {
    return bad(e.what());
  }
  into = std::move(with);
  return {};
}

}  // namespace hocket::spec
