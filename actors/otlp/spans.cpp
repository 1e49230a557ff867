#include "actors/otlp/spans.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::otlp {
namespace {

using json = nlohmann::ordered_json;

/// As in SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves half of those of the
/// output.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

template <class... More>
std::uint64_t mixed(std::uint64_t x, std::uint64_t y, More... more) {
  return mixed(mixed(x) ^ y, more...);
}

/// Ids of zeros mean none.
std::uint64_t valid(std::uint64_t id) { return id == 0 ? 1 : id; }

std::string hex(std::uint64_t n) { return fmt::format("{:016x}", n); }
std::string hex(const trace_id& t) { return hex(t.high) + hex(t.low); }

json attribute(const char* key, const std::string& v) {
  return {{"key", key}, {"value", {{"stringValue", v}}}};
}
// 64 bits are strings in the JSON mapping of protobuf.
json attribute(const char* key, std::uint64_t v) {
  return {{"key", key}, {"value", {{"intValue", fmt::to_string(v)}}}};
}
json attribute(const char* key, double v) {
  return {{"key", key}, {"value", {{"doubleValue", v}}}};
}

json to_json(const span& s, std::int64_t unix_zero_ns) {
  const auto& a = s.names->actors[s.actor];
  const auto& ports = s.is_source ? a.outputs : a.inputs;
  const auto port = s.port < ports.size() ? ports[s.port] : "";
  json out = {{"traceId", hex(s.trace)}, {"spanId", hex(s.id)}};
  if (s.parent != 0) out["parentSpanId"] = hex(s.parent);
  out["name"] = port.empty() ? a.name : a.name + "." + port;
  out["kind"] = s.is_source ? 4 : 5;  // producer, consumer
  out["startTimeUnixNano"] = fmt::to_string(unix_zero_ns + s.began_ns);
  out["endTimeUnixNano"] = fmt::to_string(unix_zero_ns + std::max(s.began_ns, s.ended_ns));
  out["attributes"] = {attribute("hocket.actor", a.name),
                       attribute("hocket.component", a.component),
                       attribute("hocket.session", s.session),
                       attribute("hocket.seq", s.seq),
                       attribute("hocket.micro_turn", static_cast<std::uint64_t>(s.micro_turn)),
                       attribute("hocket.epoch", std::uint64_t{s.epoch})};
  if (!s.is_source) {
    out["attributes"].push_back(
        attribute("hocket.queued_ms", static_cast<double>(s.queued_ns) / 1e6));
    out["attributes"].push_back(attribute("hocket.packets", std::uint64_t{s.packets}));
  }
  for (const auto& [trace, id] : s.links)
    out["links"].push_back({{"traceId", hex(trace)}, {"spanId", hex(id)}});
  if (s.failed) out["status"] = {{"code", 2}};
  return out;
}

}  // namespace

std::shared_ptr<const plan_names> plan_names::of(const plan& graph) {
  auto out = std::make_shared<plan_names>();
  for (const auto& a : graph.actors) {
    auto& to = out->actors.emplace_back(actor{a.name, a.type->info.type, a.host, {}, {}});
    for (const auto& p : a.type->info.inputs) to.inputs.push_back(p.name);
    for (const auto& p : a.type->info.outputs) to.outputs.push_back(p.name);
  }
  return out;
}

bool span_maker::samples(const plan& graph, const packet_header& h) const {
  return every_ <= 1 || graph.grid.index_of(h.origin_ts) % every_ == 0;
}

trace_id span_maker::trace_of(std::uint64_t session, std::int64_t origin_ns) const {
  const auto at = static_cast<std::uint64_t>(origin_ns);
  return {mixed(seed_, session, at), valid(mixed(~seed_, session, at))};
}

std::uint64_t span_maker::id_of(actor_index actor, std::int64_t began_ns, std::uint64_t session,
                                std::int64_t origin_ns) const {
  return valid(mixed(seed_, actor, static_cast<std::uint64_t>(began_ns), session,
                     static_cast<std::uint64_t>(origin_ns)));
}

std::uint64_t span_maker::sender_of(const plan& graph, const packet_header& h) const {
  if (h.way.count == 0) return 0;
  const auto& last = h.way.hops[h.way.count - 1u];
  if (last.actor >= graph.actors.size()) return 0;
  const auto& host = graph.actors[last.actor].host;
  if (!host.empty() && host != host_) return 0;
  return id_of(last.actor, last.started_ns, static_cast<std::uint64_t>(h.session), h.origin_ns);
}

void span_maker::append(std::vector<span>& to, const plan& graph, actor_index actor,
                        std::size_t port, const packet& p) const {
  const auto& h = p.header;
  if (h.way.count != 1 || !samples(graph, h)) return;
  const auto& first = h.way.hops[0];
  span s;
  s.session = static_cast<std::uint64_t>(h.session);
  s.trace = trace_of(s.session, h.origin_ns);
  s.id = id_of(actor, first.started_ns, s.session, h.origin_ns);
  s.actor = actor;
  s.port = port;
  s.is_source = true;
  s.began_ns = first.started_ns;
  s.ended_ns = first.emitted_ns;
  s.seq = h.seq;
  s.micro_turn = h.micro_turn;
  s.epoch = h.epoch;
  to.push_back(std::move(s));
}

void span_maker::append(std::vector<span>& to, const plan& graph,
                        const host::call_record& r) const {
  std::map<std::uint64_t, std::vector<const host::call_input*>> by_session;
  for (const auto& in : r.inputs)
    if (in.header != nullptr && samples(graph, *in.header))
      by_session[static_cast<std::uint64_t>(in.header->session)].push_back(&in);
  for (const auto& [session, inputs] : by_session) {
    // What it emits has the origin of the oldest.
    const auto* oldest =
        *std::ranges::min_element(inputs, {}, [](const auto* in) { return in->header->origin_ns; });
    const auto& h = *oldest->header;
    span s;
    s.session = session;
    s.trace = trace_of(session, h.origin_ns);
    s.id = id_of(r.actor, r.began_ns, session, h.origin_ns);
    s.parent = sender_of(graph, h);
    s.actor = r.actor;
    s.port = oldest->port;
    s.failed = r.failed;
    s.began_ns = r.began_ns;
    s.ended_ns = r.ended_ns;
    s.queued_ns = std::max<std::int64_t>(0, r.began_ns - oldest->queued_ns);
    s.packets = inputs.size();
    s.seq = h.seq;
    s.micro_turn = r.micro_turn >= 0 ? r.micro_turn : h.micro_turn;
    s.epoch = h.epoch;
    constexpr std::size_t links_max = 32;
    for (const auto* in : inputs)
      if (const auto from = sender_of(graph, *in->header);
          in != oldest && from != 0 && s.links.size() < links_max)
        s.links.emplace_back(trace_of(session, in->header->origin_ns), from);
    to.push_back(std::move(s));
  }
}

std::string request_json(const resource& who, const std::vector<span>& spans,
                         std::int64_t unix_zero_ns) {
  json attributes = {
      attribute("service.name", who.graph), attribute("service.instance.id", who.run),
      attribute("service.version", who.graph_hash), attribute("telemetry.sdk.name", "hocket"),
      attribute("telemetry.sdk.version", who.version)};
  if (!who.host.empty()) attributes.push_back(attribute("hocket.host", who.host));
  json list = json::array();
  for (const auto& s : spans) list.push_back(to_json(s, unix_zero_ns));
  const json out = {
      {"resourceSpans",
       {{{"resource", {{"attributes", std::move(attributes)}}},
         {"scopeSpans", {{{"scope", {{"name", "hocket"}}}, {"spans", std::move(list)}}}}}}}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hocket::otlp
