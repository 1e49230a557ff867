#include "actors/record/channels.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "graph/schema/recorded.hpp"
#include "graph/spec/payloads.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::record {
namespace {

constexpr const char* event_json_schema = R"({
  "type": "object",
  "title": "hocket.Event",
  "properties": {
    "actor": {"type": "string", "description": "empty: the graph as a whole"},
    "what": {"type": "string"},
    "detail": {"type": "string"}
  }
})";

constexpr const char* call_json_schema = R"({
  "type": "object",
  "title": "hocket.Call",
  "properties": {
    "actor": {"type": "string"},
    "life": {"type": "integer", "description": "which instance of the actor"},
    "what": {"type": "string"},
    "order_ns": {"type": "integer", "description": "calls began in this order"},
    "at_ns": {"type": "integer", "description": "stream time at which it began"},
    "now_ns": {"type": "array", "description": "what the component was told when it asked for the time"},
    "given": {"type": "array", "description": "the packet: output, session, number"},
    "sets": {"type": "array", "description": "of each session: s, micro-turn k, epoch e, missing inputs, in: port and packet"}
  }
})";

}  // namespace

mcap_schema packet_schema() {
  return {packet_schema_id, std::string(wire::recorded_name), "protobuf",
          wire::recorded_descriptors()};
}

mcap_schema event_schema() {
  return {event_schema_id, "hocket.Event", "jsonschema", event_json_schema};
}

mcap_schema call_schema() {
  return {call_schema_id, "hocket.Call", "jsonschema", call_json_schema};
}

mcap_schema payload_schema(const payloads::payload_schema& s) {
  if (s.kind() == payloads::form::bytes) return {};
  const bool json = s.kind() == payloads::form::json;
  return {0, json ? s.name() : s.message(), json ? "jsonschema" : "protobuf", s.source()};
}

std::vector<mcap_schema> payload_schemas(const plan& graph) {
  std::vector<mcap_schema> out;
  auto id = first_payload_schema;
  for (const auto& s : spec::schemas_of(graph)) {
    auto schema = payload_schema(*s);
    if (schema.name.empty()) continue;
    schema.id = id++;
    out.push_back(std::move(schema));
  }
  return out;
}

mcap_channel packet_channel(std::uint16_t id, const std::string& output, const mcap_map& about) {
  mcap_channel c;
  c.id = id;
  c.schema_id = packet_schema_id;
  c.topic = output;
  c.encoding = "protobuf";
  c.metadata = about;
  return c;
}

mcap_map about_output(const plan_actor& actor, std::size_t port) {
  mcap_map out = {{"component", actor.type->info.type},
                  {"media", actor.type->info.outputs[port].type.to_string()},
                  {"source", actor.type->info.source ? "true" : "false"}};
  if (const auto* ports = spec::payloads_of(actor))
    if (const auto* s = payloads::schema_of(ports->outputs, port)) out["payload"] = s->name();
  return out;
}

std::string event_line(std::string_view actor, std::string_view what, std::string_view detail) {
  const nlohmann::ordered_json line = {
      {"actor", actor}, {"what", what}, {"detail", trust::redacted(std::string(detail))}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::uint64_t file_time(std::int64_t unix_zero_ns, timestamp t) {
  // Unsigned: a stranger's recording may say any zero.
  const auto sum = static_cast<std::uint64_t>(unix_zero_ns) +
                   static_cast<std::uint64_t>(std::max<std::int64_t>(0, t.ns()));
  return unix_zero_ns < 0 && sum > INT64_MAX ? 0 : sum;
}

}  // namespace hocket::record
