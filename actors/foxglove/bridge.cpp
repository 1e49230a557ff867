#include "actors/foxglove/bridge.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "actors/gateway/door/routes.hpp"
#include "actors/http/address.hpp"
#include "actors/http/digest.hpp"
#include "actors/record/channels.hpp"
#include "graph/core/clock.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::foxglove {
namespace {

/// Where the public viewer's page lives.
constexpr std::string_view viewer_origin = "https://app.foxglove.dev";
constexpr int try_again_later = 1013;

http::response plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<http::route> routes(bool with_keys) {
  using enum http::caller;
  return {{"/", {"GET"}, with_keys ? std::vector{keyed} : std::vector{neighbour}}};
}

}  // namespace

result<std::unique_ptr<bridge>> bridge::start(bridge_options o, const plan& graph) {
  const auto at = http::parse_address(o.address);
  if (!at) return fail(at);
  if (!at->is_loopback())
    return fail(
        "foxglove.not_loopback",
        fmt::format("{} can be reached from other machines, and whoever looks sees and hears "
                    "everything",
                    at->url()));
  std::unique_ptr<bridge> made(new bridge(std::move(o), graph));
  made->bound_host_ = at->host;
  HOCKET_TRY(made->listen());
  made->worker_ = std::thread([self = made.get()] { self->work(); });
  return made;
}

bridge::bridge(bridge_options o, const plan& graph)
    : options_(std::move(o)),
      keys_(gateway::key_ring::limits{}),
      routes_(routes(!options_.keys.empty())),
      table_(graph, options_.host, options_.with_pii),
      connections_(connections_of(graph, table_)),
      advertisements_(foxglove::advertisements(table_.all())) {
  facts_.name = "hocket: " + graph.name;
  facts_.session = http::random_token(9);
  facts_.metadata = {
      {"graph_hash", graph.hash},
      {"hocket_version", options_.version},
      {"micro_turn_ms", fmt::to_string(graph.grid.length / std::chrono::milliseconds(1))}};
  if (!options_.host.empty()) facts_.metadata["host"] = options_.host;
}

bridge::~bridge() { (void)finish(); }

result<void> bridge::listen() {
  if (!options_.keys.empty()) {
    HOCKET_TRY(keys_.read_lines(options_.keys));
    if (keys_.is_empty())
      return fail("gateway.no_keys", "the file of --foxglove-keys holds no key");
  }
  http::server_options o;
  o.address = options_.address;
  o.check_origin = false;  // the viewer's page is let in, under no name of ours
  o.limits.body_bytes = 1024;
  o.limits.connections = static_cast<int>(options_.viewers) + 32;
  o.limits.connections_per_address = o.limits.connections;
  o.limits.socket.message_bytes = 64 * 1024;
  o.limits.socket.queue_bytes = options_.viewer_bytes;
  o.limits.socket.queue_messages = 1024;
  o.limits.socket.write_ms = options_.viewer_ms;
  o.handle = [this](const http::request& r, const http::responder& reply) {
    const bool is_known = keys_.owner_of(gateway::key_of(r)).has_value();
    if (auto no = routes_.refuses(r, is_known ? http::caller::keyed : http::caller_of(r)))
      return reply(std::move(*no));
    reply(plain(426, "a WebSocket is here, for a viewer that speaks the Foxglove protocol"));
  };
  o.upgrade = [this](const http::request& r) { return admit(r); };
  auto made = http::server::start(std::move(o));
  if (!made) return fail(made);
  url_ = "ws" + (*made)->url().substr(4);
  const std::lock_guard lock(mutex_);
  server_ = std::move(*made);
  return {};
}

// --- viewers: on the server's thread ------------------------------------------------------------

std::variant<http::response, http::websocket_accept> bridge::admit(const http::request& r) {
  const bool is_known = keys_.owner_of(gateway::key_of(r)).has_value();
  if (auto no = routes_.refuses(r, is_known ? http::caller::keyed : http::caller_of(r)))
    return std::move(*no);
  if (const auto origin = r.header("Origin");
      origin && *origin != viewer_origin && !hosts_.admits_origin(*origin, bound_host_) &&
      std::ranges::find(options_.origins, *origin) == options_.origins.end()) {
    trust::note_refusal({"a client at " + r.peer, "connect from a page of", *origin});
    const std::lock_guard lock(mutex_);
    if (refused_page_.empty()) refused_page_ = origin->substr(0, 200);
    return plain(403, "pages of that origin may not connect");
  }
  const auto protocol = subprotocol_of(r.header("Sec-WebSocket-Protocol").value_or(""));
  if (protocol.empty())
    return plain(400, fmt::format("a viewer offers the sub-protocol {} or {}", subprotocols[0],
                                  subprotocols[1]));
  {
    const std::lock_guard lock(mutex_);
    if (over_ || viewers_.size() >= options_.viewers)
      return plain(503, over_ ? "the run is over" : "as many viewers look as may");
  }
  return http::websocket_accept{
      std::string(protocol),
      [this](const std::shared_ptr<http::websocket>& socket) { return welcome(socket); }};
}

http::websocket_events bridge::welcome(const std::shared_ptr<http::websocket>& socket) {
  const auto v = std::make_shared<viewer>(machine::limits{});
  v->socket = socket;
  {
    const std::lock_guard lock(mutex_);
    if (over_ || viewers_.size() >= options_.viewers) {
      socket->close(try_again_later, "as many viewers look as may");
      return {};
    }
    viewers_.push_back(v);
    ++figures_.viewers;
    machine::output none;
    v->rules.appear(table_.all());
    v->rules.rewired(connections_, none);
    tell(*v, server_info(facts_));
    for (const auto& text : advertisements_) tell(*v, text);
    wake_.notify_one();  // what found no room is tried again
  }
  http::websocket_events events;
  events.message = [this, v](std::string_view message, bool is_text) {
    heard(v, message, is_text);
  };
  events.closed = [this, v](int, const std::string&) {
    const std::lock_guard lock(mutex_);
    leave(v);
  };
  return events;
}

void bridge::heard(const viewer_ptr& v, std::string_view message, bool is_text) {
  const auto said = machine::read(message, is_text);  // before the lock, for which the graph waits
  const std::lock_guard lock(mutex_);
  if (v->is_gone) return;
  machine::output out;
  v->rules.receive(said, monotonic_ns() / 1'000'000, out);
  const int code = out.close;
  const auto why = out.why;
  tell(*v, std::move(out));
  if (code != 0) {
    v->socket->close(code, why);
    return leave(v);
  }
  count_wanted();
}

void bridge::leave(const viewer_ptr& v) {
  v->is_gone = true;
  std::erase(viewers_, v);
  count_wanted();
}

void bridge::tell(viewer& v, std::string text) {
  if (v.is_gone) return;
  v.text_bytes += text.size();
  v.texts.push_back(std::move(text));
  flush(v);
}

void bridge::tell(viewer& v, machine::output out) {
  for (auto& text : out.texts) tell(v, std::move(text));
}

// What it must be told waits for room; it never pushes messages of others out of the graph's way.
void bridge::flush(viewer& v) {
  while (!v.texts.empty() && v.socket->send(v.texts.front())) {
    v.text_bytes -= v.texts.front().size();
    v.texts.pop_front();
  }
  if (v.text_bytes <= options_.advertisement_bytes) return;
  v.socket->close(try_again_later, "it reads too slowly");
  v.texts.clear();
  v.text_bytes = 0;
}

void bridge::tell_of_losses(viewer& v) {
  constexpr std::int64_t pause_ns = 1'000'000'000;
  const auto now = monotonic_ns();
  if (v.lost == v.told_lost || !v.texts.empty() || now - v.told_ns < pause_ns) return;
  const auto text =
      status(level::warning,
             fmt::format("{} messages were left out: the viewer, or its network, is too slow, or "
                         "they have no form outside the run",
                         v.lost - v.told_lost));
  if (!v.socket->send(text)) return;
  v.told_lost = v.lost;
  v.told_ns = now;
}

void bridge::count_wanted() {
  wanted_.clear();
  for (const auto& v : viewers_)
    for (const auto& [channel, id] : v->rules.subscriptions()) ++wanted_[channel];
  is_watched_.store(!wanted_.empty(), std::memory_order_relaxed);
  wake_.notify_one();
}

bool bridge::is_wanted(std::uint32_t channel) const {
  return channel != 0 && wanted_.contains(channel);
}

// --- the run: as an observer ----------------------------------------------------------------------

void bridge::started(const plan&, const clock& stream_time) {
  const std::lock_guard lock(mutex_);
  time_ = &stream_time;
  if (!stream_time.is_virtual()) unix_zero_ns_ = unix_now_ns() - stream_time.now().ns();
}

void bridge::rewired(const host::graph_revision& r) {
  const std::lock_guard lock(mutex_);
  const auto change = table_.rewired(r.whole);
  connections_ = connections_of(r.whole, table_);
  facts_.metadata["graph_hash"] = r.file.hash;
  advertisements_ = foxglove::advertisements(table_.all());
  const auto news = change.appeared.empty() ? std::vector<std::string>()
                                            : foxglove::advertisements(change.appeared);
  for (const auto& v : viewers_) {
    machine::output out;
    v->rules.vanish(change.vanished);
    v->rules.appear(change.appeared);
    v->rules.rewired(connections_, out);
    if (!change.vanished.empty()) tell(*v, unadvertisement(change.vanished));
    for (const auto& text : news) tell(*v, text);
    tell(*v, std::move(out));
  }
  count_wanted();
}

void bridge::packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) {
  if (!is_watched_.load(std::memory_order_relaxed) || !p.body) return;
  const std::lock_guard lock(mutex_);
  const auto ids = table_.of(actor, port);
  item i;
  if (is_wanted(ids.packets)) i.packets = ids.packets;
  if (is_wanted(ids.payloads)) i.payloads = ids.payloads;
  if (time_ == nullptr || (i.packets == 0 && i.payloads == 0)) return;
  i.at = time_->now();
  i.what = p;
  i.size_bytes = 256 + size_bytes(*p.body);
  put(std::move(i));
}

void bridge::event(timestamp at, std::string_view actor, std::string_view what,
                   std::string_view detail) {
  if (!is_watched_.load(std::memory_order_relaxed)) return;
  auto line = record::event_line(actor, what, detail);
  const std::lock_guard lock(mutex_);
  if (!is_wanted(events_channel)) return;
  item i;
  i.packets = events_channel;
  i.at = at;
  i.size_bytes = 256 + line.size();
  i.event = std::move(line);
  put(std::move(i));
}

void bridge::put(item i) {
  if (over_) return;
  if (queue_.size() >= options_.queue_packets ||
      (!queue_.empty() && queued_bytes_ + i.size_bytes > options_.queue_bytes))
    return lose(i.packets), lose(i.payloads);
  queued_bytes_ += i.size_bytes;
  queue_.push_back(std::move(i));
  if (queue_.size() == 1) wake_.notify_one();
}

void bridge::lose(std::uint32_t channel) {
  for (const auto& v : viewers_)
    if (v->rules.subscription(channel)) ++v->lost, ++figures_.lost;
}

// --- messages: on a thread of its own ---------------------------------------------------------------

std::vector<bridge::message> bridge::messages_of(const item& i) const {
  std::vector<message> out;
  const auto at = record::file_time(unix_zero_ns_, i.at);
  if (!i.event.empty()) {
    out.push_back({i.packets, at, i.event});
    return out;
  }
  if (i.packets != 0) {
    auto bytes = packet_bytes(i.what);
    out.push_back({i.packets, at, bytes ? std::optional(std::move(*bytes)) : std::nullopt});
  }
  if (i.payloads != 0) out.push_back({i.payloads, at, payload_bytes(i.what)});
  return out;
}

// The graph waits for the lock: what is copied for each viewer is copied without it.
void bridge::send(const message& m, std::unique_lock<std::mutex>& lock) {
  if (!m.bytes) return lose(m.channel);
  std::vector<std::pair<viewer_ptr, std::uint32_t>> to;
  for (const auto& v : viewers_)
    if (const auto id = v->rules.subscription(m.channel)) to.emplace_back(v, *id);
  lock.unlock();
  std::vector<std::string> copies;
  for (const auto& [v, id] : to) copies.push_back(message_data(id, m.log_time_ns, *m.bytes));
  lock.lock();
  for (std::size_t i = 0; i < to.size(); ++i) {
    auto& v = *to[i].first;
    if (v.is_gone || v.rules.subscription(m.channel) != to[i].second) continue;
    // An empty queue takes any message: where it does not, the viewer has left, and loses nothing.
    const bool may_lack_room = !v.texts.empty() || v.socket->queued_bytes() > 0;
    // Whoever waits for a channel's name gets its messages after it.
    if (v.texts.empty() && v.socket->send(std::move(copies[i]), false)) {
      ++figures_.sent;
    } else if (may_lack_room) {
      ++v.lost;
      ++figures_.lost;
    }
  }
}

void bridge::work() {
  std::unique_lock lock(mutex_);
  while (!over_ || !queue_.empty()) {
    // What waits for a viewer's room is tried again; without viewers nothing does.
    if (viewers_.empty())
      wake_.wait(lock, [&] { return over_ || !queue_.empty() || !viewers_.empty(); });
    else
      wake_.wait_for(lock, std::chrono::milliseconds(100),
                     [&] { return over_ || !queue_.empty(); });
    auto batch = std::exchange(queue_, {});
    for (const auto& i : batch) {
      lock.unlock();
      const auto messages = messages_of(i);
      lock.lock();
      for (const auto& m : messages) send(m, lock);
      queued_bytes_ -= i.size_bytes;
    }
    for (const auto& v : viewers_) {
      flush(*v);
      tell_of_losses(*v);
    }
  }
}

std::string bridge::refused_page() const {
  const std::lock_guard lock(mutex_);
  return refused_page_;
}

bridge::figures bridge::now() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

bridge::figures bridge::finish() {
  constexpr int goodbye_ms = 1000;
  std::unique_ptr<http::server> server;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    server = std::move(server_);
    wake_.notify_all();
  }
  if (worker_.joinable()) worker_.join();
  if (server) server->stop(goodbye_ms);
  server.reset();
  return now();
}

}  // namespace hocket::foxglove
