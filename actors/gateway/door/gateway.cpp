#include "actors/gateway/door/gateway.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "actors/http/address.hpp"
#include "actors/http/certificate.hpp"
#include "graph/core/samples.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::gateway {
namespace {

enum input : std::size_t { audio_in, text_in, heard_in };
enum out_port : std::size_t { audio_out, text_out };
constexpr double silence_rms = 1e-3;  // -60 dB of full scale
constexpr int most_pending = 64;      ///< messages of one client on their way to the actor

bool is_voice(std::span<const float> samples) {
  double power = 0;
  for (const float s : samples) power += static_cast<double>(s) * s;
  return !samples.empty() && std::sqrt(power / static_cast<double>(samples.size())) > silence_rms;
}

http::response plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

}  // namespace

/// One connection; used in the actor's context only, but for `pending`.
struct gateway::client {
  std::unique_ptr<protocol> machine;
  std::shared_ptr<http::websocket> socket;
  session_id session = session_id::none;
  timestamp began, last_heard;
  sound_pump sound{inner_rate_hz};
  bool is_over = false;
  std::atomic<int> pending{0};
};

component_info gateway::info() {
  const media_type words{.kind = payload_kind::text};
  const media_type sound{.kind = payload_kind::audio, .rate_hz = inner_rate_hz, .channels = 1};
  const auto queue = default_queue(payload_kind::text);
  return {
      .type = "gateway",
      .summary =
          "Apps talk with the graph in the protocols they speak: Realtime, Live, Gemini Live.",
      .inputs = {{"audio", sound, "what the model says", true, default_queue(payload_kind::audio)},
                 {"text", words, "the words it says", false, queue},
                 {"heard", words, "the words it heard", false, queue}},
      .outputs = {{"audio", sound, "what a client says, on the stream's clock"},
                  {"text", words, "what a client types, role `user`"}},
      .scope = instance_scope::shared,
      .ticks = true};
}

void gateway::config::visit(config_visitor& v) {
  v.field({.name = "listen", .doc = "where apps connect; port 0 is any that is free"}, listen);
  v.field({.name = "beyond_loopback", .doc = "other machines may connect; needs keys"},
          beyond_loopback);
  v.field({.name = "key_env",
           .doc = "environment variable with the keys that are let in, with commas between"},
          key_env);
  v.field(
      {.name = "names", .doc = "host names that it answers to besides loopback's and its address"},
      names);
  v.field(
      {.name = "tls",
       .doc = "speak TLS too, with a certificate made at start (gateway.pem in the output folder)"},
      tls);
  v.field({.name = "max_sessions", .doc = "conversations at once", .min = 1, .max = 10000},
          max_sessions);
  v.field({.name = "session_limit_s",
           .doc = "the longest conversation",
           .unit = "s",
           .min = 1,
           .max = 86400},
          session_limit_s);
  v.field({.name = "idle_limit_s",
           .doc = "the longest without a message of the client",
           .unit = "s",
           .min = 1,
           .max = 86400},
          idle_limit_s);
}

gateway::~gateway() { server_.reset(); }

result<void> gateway::open(const context& where) {
  context_ = where;
  if (!context_.sessions)
    return fail("gateway.no_sessions",
                "this run opens no conversations, and each app that connects is one");
  HOCKET_TRY(read_keys());
  context_.sessions->on_end([this](session_id id, emitter&) { ended(id); });
  return start_server();
}

result<void> gateway::read_keys() {
  if (!config_.key_env.empty()) {
    if (context_.may) HOCKET_TRY(context_.may->variable(config_.key_env));
    const char* text = std::getenv(config_.key_env.c_str());
    std::string all = text != nullptr ? text : "";
    for (std::size_t at = 0; at <= all.size();) {
      const auto end = std::min(all.find(',', at), all.size());
      if (end > at) keys_.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    if (keys_.empty())
      return fail("gateway.no_keys", fmt::format("${} holds no key", config_.key_env));
  }
  const auto at = http::parse_address(config_.listen);
  if (!at) return fail(at);
  if (at->is_loopback() || (config_.beyond_loopback && !keys_.empty())) return {};
  return fail(
      "gateway.needs_keys",
      fmt::format(
          "{} can be reached from other machines: that needs `beyond_loopback: true` and keys "
          "(`key_env`)",
          at->url()));
}

result<void> gateway::start_server() {
  http::server_options o;
  o.address = config_.listen;
  o.hosts = http::host_rules(config_.names);
  o.limits.socket.message_bytes = 4 << 20;
  if (config_.tls) {
    auto names = config_.names;
    names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
    auto own = http::make_certificate(names);
    if (!own) return fail(own);
    if (context_.may) {
      const auto file = context_.may->create("gateway.pem");
      if (!file) return fail(file);
      HOCKET_TRY(file->write(own->certificate_chain));
    }
    o.tls = std::move(*own);
  }
  o.handle = [](const http::request& r, const http::responder& reply) {
    if (r.path == "/healthz") return reply(plain(200, "ok"));
    reply(plain(404, "here are WebSockets: /v1/realtime, /v1/live/sessions and Gemini's"));
  };
  o.upgrade = [this](const http::request& r) { return admit(r); };
  auto made = http::server::start(std::move(o));
  if (!made) return fail(made);
  server_ = std::move(*made);
  context_.log("listens at " + server_->url());
  return {};
}

// --- on the server's thread -----------------------------------------------------------------------

std::variant<http::response, http::websocket_accept> gateway::admit(const http::request& r) {
  const auto count = [this](const char* what) {
    context_.self->run([this, what](emitter&) { context_.count(what, 1); });
  };
  const auto kind = protocol_at(r.path);
  if (kind == protocol_kind::none) return plain(404, "no protocol is spoken there");
  if (!keys_.empty() && !is_one_of(key_of(r), keys_)) {
    count("refused_keys");
    return plain(401, "this key is not known");
  }
  if (admitted_->fetch_add(1) >= config_.max_sessions) {
    admitted_->fetch_sub(1);
    count("refused_sessions");
    auto busy = plain(503, "all conversations are taken");
    busy.headers = {{"Retry-After", "10"}};
    return busy;
  }
  // Given back when the connection goes, whether or not it ever stood.
  const std::shared_ptr<void> place(nullptr, [count = admitted_](void*) { count->fetch_sub(1); });
  return http::websocket_accept{
      subprotocol_for(r), [this, kind, place, model = r.parameter("model").value_or("")](
                              std::shared_ptr<http::websocket> s) {
        auto events = welcome(kind, model.substr(0, 128), std::move(s));
        events.closed = [place, told = std::move(events.closed)](int code, const std::string& why) {
          told(code, why);
        };
        return events;
      }};
}

http::websocket_events gateway::welcome(protocol_kind kind, const std::string& model,
                                        std::shared_ptr<http::websocket> socket) {
  auto c = std::make_shared<client>();
  c->socket = std::move(socket);
  context_.self->run([this, c, kind, model](emitter& out) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto now_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    c->machine = make_protocol(
        kind, {fmt::format("{}_{}", now_s, ++ids_), model, now_s + config_.session_limit_s});
    begin(c, out);
  });
  http::websocket_events events;
  events.message = [this, c](std::string_view message, bool) {
    // Where the actor does not keep up, TCP holds the client up.
    if (c->pending.fetch_add(1) + 1 == most_pending) c->socket->pause_reading(true);
    context_.self->run([this, c, text = std::string(message)](emitter& out) {
      received(*c, text, out);
      if (c->pending.fetch_sub(1) == most_pending / 2) c->socket->pause_reading(false);
    });
  };
  events.closed = [this, c](int, const std::string&) {
    context_.self->run([this, c](emitter&) { left(c); });
  };
  return events;
}

// --- in the actor's context -----------------------------------------------------------------------

std::int64_t gateway::ms_of(const client& c) const {
  return (context_.time->now() - c.began) / std::chrono::milliseconds(1);
}

void gateway::begin(std::shared_ptr<client> c, emitter& out) {
  c->began = c->last_heard = context_.time->now();
  clients_[c.get()] = c;
  context_.count("sessions", 1);
  output first;
  c->machine->begin(0, first);
  give(*c, std::move(first), out);
  context_.sessions->open(
      [this, c](const result<session_id>& id, emitter& to) { opened(c, id, to); });
}

void gateway::opened(std::shared_ptr<client> c, const result<session_id>& id, emitter&) {
  if (!id) return c->socket->close(1013, "no conversation can be opened now");
  if (c->is_over) return context_.sessions->close(*id);
  c->session = *id;
  by_session_[*id] = c;
}

void gateway::received(client& c, const std::string& message, emitter& out) {
  if (c.is_over) return;
  c.last_heard = context_.time->now();
  output o;
  c.machine->receive(message, ms_of(c), o);
  give(c, std::move(o), out);
  pump(c, out);
}

void gateway::left(const std::shared_ptr<client>& c) {
  if (std::exchange(c->is_over, true)) return;
  clients_.erase(c.get());
  if (c->session == session_id::none) return;
  by_session_.erase(c->session);
  context_.sessions->close(c->session);
}

/// The conversation is over for another reason than the client's.
void gateway::ended(session_id id) {
  const auto found = by_session_.find(id);
  if (found == by_session_.end()) return;
  const auto c = found->second;
  by_session_.erase(found);
  c->session = session_id::none;
  output o;
  c->machine->end("the conversation is over", ms_of(*c), o);
  for (auto& m : o.messages) say(*c, std::move(m));
  c->socket->close(1001, "the conversation is over");
}

void gateway::say(client& c, std::string message) {
  const bool is_sound =
      message.find("audio.delta\"") != message.npos || message.find("inlineData") != message.npos;
  if (c.socket->send(std::move(message))) return;
  context_.count("dropped_messages", 1);
  if (is_sound) return;
  context_.count("slow_clients", 1);
  c.socket->close(1013, "the client does not read");
}

void gateway::give(client& c, output from, emitter& out) {
  for (auto& m : from.messages) say(c, std::move(m));
  for (auto& a : from.actions) act(c, a, out);
}

void gateway::act(client& c, action& a, emitter& out) {
  if (auto* s = std::get_if<hear_sound>(&a)) {
    const auto now = sample_index(context_.time->now(), inner_rate_hz);
    if (const auto lost = c.sound.put(s->samples, now); lost > 0)
      context_.count("dropped_samples", static_cast<std::int64_t>(lost));
  } else if (auto* t = std::get_if<hear_text>(&a)) {
    if (t->role != "user" || c.session == session_id::none) return context_.count("not_served", 1);
    out.for_session(c.session);
    out.emit(text_out, context_.time->now(), text{std::move(t->text), "user"});
  } else if (std::get_if<interrupt>(&a) != nullptr) {
    if (c.session != session_id::none) context_.sessions->interrupt(c.session);
  } else if (std::get_if<prompt>(&a) != nullptr) {
    context_.count("prompts", 1);  // the model speaks when it wants: nothing forces it
  } else if (const auto* h = std::get_if<hang_up>(&a)) {
    c.socket->close(h->code, h->reason);
  } else {
    context_.count("not_served", 1);
  }
}

void gateway::pump(client& c, emitter& out) {
  if (c.session == session_id::none) return;
  auto due = c.sound.take(sample_index(context_.time->now(), inner_rate_hz));
  if (!due) return;
  out.for_session(c.session);
  out.emit(audio_out, timestamp::of_samples(due->first_sample, inner_rate_hz),
           audio_chunk{inner_rate_hz, 1, due->first_sample, buffer::take(std::move(due->samples))});
}

result<void> gateway::process(std::size_t port, const packet& p, emitter& out) {
  const auto found = by_session_.find(p.header.session);
  if (found == by_session_.end()) return {};
  auto& c = *found->second;
  output o;
  const auto now = ms_of(c);
  const auto at_ms = (p.header.ts - c.began) / std::chrono::milliseconds(1);
  if (const auto* a = p.get_if<audio_chunk>(); a != nullptr && port == audio_in) {
    const auto samples = a->samples.as<float>();
    c.machine->on_graph(voice{at_ms, {samples.begin(), samples.end()}, is_voice(samples)}, now, o);
  } else if (const auto* t = p.get_if<text>()) {
    if (port == text_in) c.machine->on_graph(said{t->value + " ", at_ms, at_ms + 200}, now, o);
    if (port == heard_in)
      c.machine->on_graph(heard{t->value + " ", at_ms, at_ms + 50, t->final}, now, o);
  }
  give(c, std::move(o), out);
  return {};
}

result<void> gateway::tick(std::int64_t, emitter& out) {
  const auto now = clients_;
  for (const auto& [key, c] : now) {
    output o;
    c->machine->advance(ms_of(*c), o);
    const auto idle = context_.time->now() - c->last_heard;
    if (ms_of(*c) > config_.session_limit_s * 1000)
      c->machine->end("expired", ms_of(*c), o);
    else if (idle > std::chrono::seconds(config_.idle_limit_s))
      c->machine->end("idle", ms_of(*c), o);
    give(*c, std::move(o), out);
    pump(*c, out);
  }
  return {};
}

result<void> gateway::close(emitter& out) {
  const auto now = clients_;
  for (const auto& [key, c] : now) {
    output o;
    c->machine->end("the server stops", ms_of(*c), o);
    give(*c, std::move(o), out);
  }
  if (server_) server_->stop(2'000);
  server_.reset();
  return {};
}

}  // namespace hocket::gateway
