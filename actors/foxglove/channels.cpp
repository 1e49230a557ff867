#include "actors/foxglove/channels.hpp"

#include <algorithm>

#include "actors/host/plan_view.hpp"
#include "actors/record/channels.hpp"
#include "graph/schema/recorded.hpp"
#include "graph/spec/payloads.hpp"

namespace hocket::foxglove {
namespace {

channel channel_of(std::uint32_t id, std::string topic, std::string encoding,
                   record::mcap_schema schema) {
  return {id,
          std::move(topic),
          std::move(encoding),
          std::move(schema.name),
          std::move(schema.encoding),
          std::move(schema.data)};
}

void put_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

}  // namespace

channel_table::channel_table(const plan& graph, std::string host, bool with_pii)
    : host_(std::move(host)), with_pii_(with_pii) {
  all_.push_back(channel_of(events_channel, std::string(record::events_topic), "json",
                            record::event_schema()));
  (void)rewired(graph);
}

channel_table::of_output channel_table::of(actor_index actor, std::size_t port) const {
  if (actor >= ids_.size() || port >= ids_[actor].size()) return {};
  return ids_[actor][port];
}

void channel_table::add(const plan& graph, actor_index actor, std::vector<channel>& into) {
  const auto& a = graph.actors[actor];
  const auto* schemas = spec::payloads_of(a);
  for (std::size_t port = 0; port < ids_[actor].size(); ++port) {
    if (!with_pii_ && !record::holds_figures_alone(a.type->info.outputs[port].type.kind)) continue;
    const auto topic = host::output_name(graph, actor, port);
    const auto as_recorded = record::packet_channel(0, topic, {});
    auto& ids = ids_[actor][port];
    ids.packets = ++last_;
    into.push_back(
        channel_of(ids.packets, as_recorded.topic, as_recorded.encoding, record::packet_schema()));
    const auto* own = schemas != nullptr ? payloads::schema_of(schemas->outputs, port) : nullptr;
    auto schema = own != nullptr ? record::payload_schema(*own) : record::mcap_schema();
    if (schema.name.empty()) continue;
    ids.payloads = ++last_;
    const auto encoding = schema.encoding == "jsonschema" ? "json" : "protobuf";
    into.push_back(
        channel_of(ids.payloads, topic + "/" + own->name(), encoding, std::move(schema)));
  }
}

channel_table::change channel_table::rewired(const plan& whole) {
  change out;
  const auto& actors = whole.actors;
  ids_.resize(std::max(ids_.size(), actors.size()));
  runs_.resize(ids_.size());
  for (std::size_t a = 0; a < ids_.size(); ++a) {
    const bool is_there =
        a < actors.size() && !actors[a].removed && (host_.empty() || actors[a].host == host_);
    if (is_there == runs_[a]) continue;
    runs_[a] = is_there;
    for (const auto& ids : ids_[a])
      for (const auto id : {ids.packets, ids.payloads})
        if (id != 0) out.vanished.push_back(id);
    ids_[a].assign(is_there ? actors[a].type->info.outputs.size() : 0, {});
    if (is_there) add(whole, static_cast<actor_index>(a), out.appeared);
  }
  std::erase_if(all_, [&](const channel& c) {
    return std::ranges::find(out.vanished, c.id) != out.vanished.end();
  });
  all_.insert(all_.end(), out.appeared.begin(), out.appeared.end());
  return out;
}

result<std::string> packet_bytes(const packet& p) {
  std::string out;
  HOCKET_TRY(wire::append_recorded(p, out));
  return out;
}

std::string payload_bytes(const packet& p) {
  if (const auto* t = p.get_if<text>()) return t->value;
  const auto* t = p.get_if<tensor>();
  if (t == nullptr) return "";
  const auto bytes = t->data.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

connection_graph connections_of(const plan& graph, const channel_table& table) {
  connection_graph out;
  const auto topics_of = [&](actor_index actor, std::size_t port) {
    std::vector<std::string> topics;
    const auto ids = table.of(actor, port);
    for (const auto& c : table.all())
      if (c.id == ids.packets || c.id == ids.payloads) topics.push_back(c.topic);
    return topics;
  };
  for (std::size_t a = 0; a < graph.actors.size(); ++a)
    for (std::size_t port = 0; port < graph.actors[a].type->info.outputs.size(); ++port)
      for (const auto& topic : topics_of(static_cast<actor_index>(a), port))
        put_once(out[topic].publishers, graph.actors[a].name);
  for (const auto& l : graph.links)
    if (!l.removed)
      for (const auto& topic : topics_of(l.from, l.from_port))
        put_once(out[topic].subscribers, graph.actors[l.to].name);
  return out;
}

}  // namespace hocket::foxglove
