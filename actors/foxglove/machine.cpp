#include "actors/foxglove/machine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/http/signature.hpp"

namespace hocket::foxglove {
namespace {

using json = nlohmann::ordered_json;

/// An advertisement is cut where it has become so long: a schema may be some hundred KiB.
constexpr std::size_t text_bytes = 256 * 1024;

std::string text_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<std::uint32_t> number_of(const nlohmann::json& j) {
  if (!j.is_number_unsigned()) return {};
  const auto n = j.get<std::uint64_t>();
  if (n > UINT32_MAX) return {};
  return static_cast<std::uint32_t>(n);
}

/// subscriptions: [{id, channelId}]. Empty where it is none.
std::optional<std::vector<machine::wish>> wanted_of(const nlohmann::json& j) {
  const auto list = j.find("subscriptions");
  if (list == j.end() || !list->is_array()) return {};
  std::vector<machine::wish> out;
  for (const auto& one : *list) {
    if (!one.is_object() || !one.contains("id") || !one.contains("channelId")) return {};
    const auto id = number_of(one["id"]), channel = number_of(one["channelId"]);
    if (!id || !channel) return {};
    out.push_back({*channel, *id});
  }
  return out;
}

std::optional<std::vector<std::uint32_t>> ids_of(const nlohmann::json& j) {
  const auto list = j.find("subscriptionIds");
  if (list == j.end() || !list->is_array()) return {};
  std::vector<std::uint32_t> out;
  for (const auto& one : *list) {
    const auto id = number_of(one);
    if (!id) return {};
    out.push_back(*id);
  }
  return out;
}

/// Every topic with both ends, so that nothing old stays at the other side.
std::string graph_text(const connection_graph& now, const connection_graph& before) {
  json out = {{"op", "connectionGraphUpdate"},     {"publishedTopics", json::array()},
              {"subscribedTopics", json::array()}, {"advertisedServices", json::array()},
              {"removedTopics", json::array()},    {"removedServices", json::array()}};
  for (const auto& [topic, e] : now) {
    out["publishedTopics"].push_back({{"name", topic}, {"publisherIds", e.publishers}});
    out["subscribedTopics"].push_back({{"name", topic}, {"subscriberIds", e.subscribers}});
  }
  for (const auto& [topic, e] : before)
    if (!now.contains(topic)) out["removedTopics"].push_back(topic);
  return text_of(out);
}

template <class Number>
void put(std::string& out, Number n) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof n];
  std::memcpy(bytes, &n, sizeof n);
  out.append(bytes, sizeof n);
}

}  // namespace

std::string_view subprotocol_of(std::string_view offered) {
  std::set<std::string_view> all;
  while (!offered.empty()) {
    auto one = offered.substr(0, offered.find(','));
    offered.remove_prefix(std::min(one.size() + 1, offered.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    all.insert(one);
  }
  for (const auto s : subprotocols)
    if (all.contains(s)) return s;
  return {};
}

std::string server_info(const server_facts& facts) {
  return text_of({{"op", "serverInfo"},
                  {"name", facts.name},
                  {"capabilities", json::array({"connectionGraph"})},
                  {"supportedEncodings", json::array()},
                  {"metadata", facts.metadata},
                  {"sessionId", facts.session}});
}

std::vector<std::string> advertisements(std::span<const channel> channels) {
  std::vector<std::string> out;
  const auto begin = [] { return json{{"op", "advertise"}, {"channels", json::array()}}; };
  auto next = begin();
  std::size_t bytes = 0;
  for (const auto& c : channels) {
    // Binary schemas travel as base64.
    const auto schema = c.schema_encoding == "protobuf" ? http::base64_of(c.schema) : c.schema;
    if (bytes > 0 && bytes + schema.size() > text_bytes) {
      out.push_back(text_of(next));
      next = begin();
      bytes = 0;
    }
    bytes += schema.size() + c.topic.size() + 256;
    next["channels"].push_back({{"id", c.id},
                                {"topic", c.topic},
                                {"encoding", c.encoding},
                                {"schemaName", c.schema_name},
                                {"schema", schema},
                                {"schemaEncoding", c.schema_encoding}});
  }
  // One at least: a viewer waits for it.
  out.push_back(text_of(next));
  return out;
}

std::string unadvertisement(std::span<const std::uint32_t> ids) {
  return text_of(
      {{"op", "unadvertise"}, {"channelIds", std::vector<std::uint32_t>(ids.begin(), ids.end())}});
}

std::string message_data(std::uint32_t subscription, std::uint64_t log_time_ns,
                         std::string_view payload) {
  std::string out;
  out.reserve(13 + payload.size());
  put(out, std::uint8_t{1});
  put(out, subscription);
  put(out, log_time_ns);
  out.append(payload);
  return out;
}

std::string status(level l, const std::string& message) {
  return text_of({{"op", "status"}, {"level", static_cast<int>(l)}, {"message", message}});
}

bool machine::allowance::take(std::int64_t now_ms) {
  const auto passed = static_cast<double>(std::max<std::int64_t>(now_ms - last_ms_, 0));
  left_ = std::min(most_, left_ + passed * per_s_ / 1000);
  last_ms_ = std::max(last_ms_, now_ms);
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

void machine::appear(std::span<const channel> channels) {
  for (const auto& c : channels) channels_.insert(c.id);
}

void machine::vanish(std::span<const std::uint32_t> ids) {
  for (const auto id : ids) {
    channels_.erase(id);
    const auto it = by_channel_.find(id);
    if (it == by_channel_.end()) continue;
    by_id_.erase(it->second);
    by_channel_.erase(it);
  }
}

void machine::rewired(const connection_graph& now, output& out) {
  if (wants_graph_ && now != graph_) out.texts.push_back(graph_text(now, graph_));
  graph_ = now;
}

std::optional<std::uint32_t> machine::subscription(std::uint32_t channel) const {
  const auto it = by_channel_.find(channel);
  if (it == by_channel_.end()) return {};
  return it->second;
}

void machine::end(const std::string& why, output& out) {
  constexpr int policy_violation = 1008;
  is_over_ = true;
  by_channel_.clear();
  by_id_.clear();
  wants_graph_ = false;
  out.close = policy_violation;
  out.why = why;
}

void machine::mistake(const std::string& what, std::int64_t now_ms, output& out) {
  if (!mistakes_.take(now_ms)) return end("too many mistakes", out);
  out.texts.push_back(status(level::error, what));
}

machine::request machine::read(std::string_view message, bool is_text) {
  using kind = request::kind;
  const auto mistaken = [](std::string why) {
    return request{kind::wrong, {}, {}, std::move(why)};
  };
  if (!is_text)
    return mistaken("this server takes no messages or calls from viewers: `hocket send` does");
  // Sorted keys: in an ordered_json each is compared with all before it.
  const auto j = nlohmann::json::parse(message, nullptr, false);
  const auto op = j.is_object() ? j.find("op") : j.end();
  if (!j.is_object() || op == j.end() || !op->is_string())
    return mistaken("a message is a JSON object with `op`");
  const auto& what = op->get_ref<const std::string&>();
  if (what == "subscribe") {
    auto wanted = wanted_of(j);
    if (!wanted) return mistaken("`subscriptions` is a list of {id, channelId}, two numbers");
    return {kind::subscribe, std::move(*wanted), {}, ""};
  }
  if (what == "unsubscribe") {
    auto ids = ids_of(j);
    if (!ids) return mistaken("`subscriptionIds` is a list of numbers");
    return {kind::unsubscribe, {}, std::move(*ids), ""};
  }
  if (what == "subscribeConnectionGraph") return {kind::want_graph, {}, {}, ""};
  if (what == "unsubscribeConnectionGraph") return {kind::drop_graph, {}, {}, ""};
  return mistaken("this server does not do that: it has topics and a connection graph");
}

void machine::receive(const request& r, std::int64_t now_ms, output& out) {
  if (is_over_) return;
  if (!messages_.take(now_ms)) return end("too many messages", out);
  switch (r.what) {
    case request::kind::wrong: return mistake(r.why, now_ms, out);
    case request::kind::subscribe: return subscribe(r.wanted, now_ms, out);
    case request::kind::unsubscribe: return unsubscribe(r.ids, now_ms, out);
    case request::kind::want_graph:
      wants_graph_ = true;
      out.texts.push_back(graph_text(graph_, {}));
      return;
    case request::kind::drop_graph: wants_graph_ = false; return;
  }
}

void machine::subscribe(const std::vector<wish>& wanted, std::int64_t now_ms, output& out) {
  std::string wrong;
  for (const auto& [channel, id] : wanted) {
    if (!channels_.contains(channel))
      wrong = fmt::format("there is no channel {}", channel);
    else if (by_channel_.contains(channel))
      wrong = fmt::format("channel {} is subscribed to already", channel);
    else if (by_id_.contains(id))
      wrong = fmt::format("subscription {} is taken", id);
    else if (by_id_.size() >= limits_.subscriptions)
      wrong = fmt::format("{} subscriptions are the most", limits_.subscriptions);
    else
      by_channel_.emplace(channel, id), by_id_.emplace(id, channel);
  }
  if (!wrong.empty()) mistake(wrong, now_ms, out);
}

void machine::unsubscribe(const std::vector<std::uint32_t>& ids, std::int64_t now_ms, output& out) {
  std::string wrong;
  for (const auto id : ids) {
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) {
      wrong = fmt::format("there is no subscription {}", id);
      continue;
    }
    by_channel_.erase(it->second);
    by_id_.erase(it);
  }
  if (!wrong.empty()) mistake(wrong, now_ms, out);
}

}  // namespace hocket::foxglove
