#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "actors/gateway/contained.hpp"
#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/door/site.hpp"
#include "actors/http/address.hpp"
#include "actors/http/certificate.hpp"
#include "actors/http/digest.hpp"
#include "actors/http/routes.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/secret.hpp"

// Keys, the server, and who is let in: on the server's thread. The rest: gateway.cpp.
namespace hocket::gateway {
namespace {

http::response plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

/// Of a file that the graph names, where it may be read.
result<std::string> text_of_file(const context& where, const std::string& path) {
  std::string name = path;
  if (where.may) {
    const auto may = where.may->readable(path);
    if (!may) return fail(may);
    name = *may;
  }
  std::ifstream in(name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in.good()) return fail("gateway.bad_file", path + " cannot be read");
  return out.str();
}

std::string_view why(key_ring::refusal r) {
  switch (r) {
    case key_ring::refusal::full: return "all conversations are taken";
    case key_ring::refusal::key_full:
      return "this key or address has as many conversations as it may";
    case key_ring::refusal::too_often:
      return "this key or address began too many conversations in a minute";
    case key_ring::refusal::none: break;
  }
  return "";
}

}  // namespace

gateway::gateway(config c)
    : config_(std::move(c)),
      keys_(std::make_shared<key_ring>(key_ring::limits{
          config_.max_sessions, config_.sessions_per_key, config_.starts_per_minute})) {}

gateway::~gateway() {
  status_.stop();
  pictures_.stop();
  server_.reset();  // it calls the exchange
  exchange_.reset();
}

result<void> gateway::read_keys() {
  if (!config_.keys_file.empty()) {
    const auto text = text_of_file(context_, config_.keys_file);
    if (!text) return fail(text);
    HOCKET_TRY(keys_->read_lines(*text));
  }
  if (!config_.key_env.empty()) {
    if (context_.may) HOCKET_TRY(context_.may->variable(config_.key_env));
    const char* text = std::getenv(config_.key_env.c_str());
    std::istringstream all(text != nullptr ? text : "");
    int n = 0;
    for (std::string key; std::getline(all, key, ',');)
      if (!key.empty()) {
        trust::note_secret(config_.key_env, key);  // each of them, not all in a row alone
        keys_->add(fmt::format("{}.{}", config_.key_env, ++n), key);
      }
    if (n == 0) return fail("gateway.no_keys", fmt::format("${} holds no key", config_.key_env));
  }
  needs_key_ = !keys_->is_empty();
  if (!config_.keys_file.empty() && !needs_key_ && !keys_->has_grown_up())
    return fail("gateway.no_keys", config_.keys_file + " holds no key");
  const auto at = http::parse_address(config_.listen);
  if (!at) return fail(at);
  if (at->is_loopback()) return {};
  if (!config_.beyond_loopback || !needs_key_)
    return fail(
        "gateway.needs_keys",
        fmt::format(
            "{} can be reached from other machines: that needs `beyond_loopback: true` and keys "
            "(`keys_file` or `key_env`; `hocket keys --api NAME` makes one)",
            at->url()));
  if (config_.tls) return {};
  return fail(
      "gateway.needs_tls",
      fmt::format("{} can be reached from other machines: that needs `tls: true`", at->url()));
}

result<http::tls_identity> gateway::identity() const {
  if (config_.certificate.empty() != config_.private_key.empty())
    return fail("gateway.bad_file", "`certificate` and `private_key` come together");
  if (!config_.certificate.empty()) {
    auto chain = text_of_file(context_, config_.certificate);
    if (!chain) return fail(chain);
    auto key = text_of_file(context_, config_.private_key);
    if (!key) return fail(key);
    return http::tls_identity{std::move(*chain), std::move(*key)};
  }
  auto names = config_.names;
  names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  auto own = http::make_certificate(names);
  if (!own) return fail(own);
  if (context_.may) {
    const auto file = context_.may->create("gateway.pem");
    if (!file) return fail(file);
    HOCKET_TRY(file->write(own->certificate_chain));
  }
  return own;
}

result<void> gateway::start_server() {
  // Whose graph may open a door to this machine: the operator's own, or one that the operator allows.
  if (context_.may) HOCKET_TRY(context_.may->address(config_.listen));
  site::options pages;
  pages.page = config_.page;
  pages.texts = default_page_texts();
  if (!config_.page_texts.empty()) {
    const auto text = text_of_file(context_, config_.page_texts);
    if (!text) return fail(text);
    auto read = parse_object(*text);
    if (!read) return fail("gateway.bad_file", config_.page_texts + ": " + read.error().message);
    pages.texts.merge_patch(*read);
  }
  if (context_.graph != nullptr) {
    pages.graph_name = context_.graph->name();
    if (config_.show_graph) pages.graph_yaml = context_.graph->expanded_yaml();
    pages.graph_now = [graph = context_.graph] { return graph->expanded_yaml(); };
  }
  pages.needs_key = needs_key_;
  pages.sees = [this] { return sees(); };
  pages.answers = [this] { return answers_.load(); };
  pages.edits = config_.edit;
  pages.training = !config_.training.empty();
  HOCKET_TRY(start_desk());
  pages.hosts = http::host_rules(config_.names);
  pages.no_calls = "calls are switched off in this graph (`calls: false`)";
  if (config_.calls) {
    const auto there = webrtc::available();
    pages.no_calls = there ? "" : there.error().message;
    if (!there) context_.log(there.error().message);
    if (there) HOCKET_TRY(start_exchange());
  }
  site_ = std::make_unique<site>(std::move(pages), keys_);

  http::server_options o;
  o.address = config_.listen;
  o.hosts = http::host_rules(config_.names);
  o.limits.socket.message_bytes = 4 << 20;
  // Room for all who may talk, and for who only looks; an app's back end may be one address for many.
  o.limits.connections =
      std::max(o.limits.connections, static_cast<int>(config_.max_sessions) + 128);
  o.limits.connections_per_address =
      std::max(o.limits.connections_per_address, static_cast<int>(keys_->most_of_one()) + 32);
  o.plain_too = http::parse_address(config_.listen)->is_loopback();
  if (config_.tls) {
    auto own = identity();
    if (!own) return fail(own);
    o.tls = std::move(*own);
  }
  o.handle = [this](const http::request& r, const http::responder& reply) { serve(r, reply); };
  o.upgrade = [this](const http::request& r) { return admit(r); };
  auto made = http::server::start(std::move(o));
  if (!made) return fail(made);
  server_ = std::move(*made);
  context_.log("listens at " + server_->url());
  if (!context_.may) return {};
  const auto file = context_.may->create("gateway.url");  // for who gave port 0
  if (!file) return fail(file);
  return file->write(server_->url() + "\n");
}

void gateway::count_later(const char* what) {
  context_.self->run([this, what](emitter&) { context_.count(what, 1); });
}

std::variant<http::response, http::websocket_accept> gateway::admit(const http::request& r) {
  if (const auto call = beside_at(r); !call.empty()) return admit_beside(r, call);
  const auto kind = protocol_at(r.path);
  if (kind == protocol_kind::none) return plain(404, "no protocol is spoken there");
  const bool may_be_named = kind == protocol_kind::realtime || kind == protocol_kind::live;
  const bool names_one = may_be_named && !r.parameter("resume").value_or("").empty();
  const bool is_known = keys_->let_in(key_of(r), key_ring::clock::now()).has_value() ||
                        goes_on(r).has_value() || (names_one && !key_of(r).empty());
  if (auto no = site_->refuses_socket(r, is_known)) {
    count_later("refused_keys");
    return std::move(*no);
  }
  if (may_be_named && r.parameter("resume")) return admit_named(r, kind);
  if (auto no = refuses_new(r, kind)) return std::move(*no);
  auto entered = enter(r, {kind, false, "", "", ""});
  if (auto* no = std::get_if<http::response>(&entered)) return std::move(*no);
  const auto c = std::get<std::shared_ptr<client>>(entered);
  return http::websocket_accept{subprotocol_for(r), [this, c](std::shared_ptr<http::websocket> s) {
                                  return welcome(c, std::move(s));
                                }};
}

/// Somebody who may: takes a place, and spends a token.
std::variant<http::response, std::shared_ptr<client>> gateway::enter(const http::request& r,
                                                                     entry how) {
  const auto now = key_ring::clock::now();
  const auto known = keys_->let_in(key_of(r), now);
  auto visitor = known.value_or(key_ring::visitor{});
  const auto named = goes_on(r);  // the conversation has a place, and its token was spent for it
  if (named && !known) visitor.name = *named;
  // Without keys each address is somebody.
  const auto who = visitor.name.empty() ? "at " + r.peer : visitor.name;
  const auto place = std::make_shared<trust::budget::share>();
  // Who goes on takes neither place nor start; who may, with his first message, is let in without.
  const auto no = named ? key_ring::refusal::full : keys_->enter(who, now, *place);
  if (no != key_ring::refusal::none && !named && !may_go_on(how.kind, visitor.name)) {
    count_later("refused_sessions");
    http::note_refused(r, why(no));
    auto busy = plain(no == key_ring::refusal::full ? 503 : 429, std::string(why(no)));
    busy.headers = {{"Retry-After", "10"}};
    return busy;
  }
  const bool is_placed = no == key_ring::refusal::none;
  if (visitor.was_token && is_placed && !keys_->spend(key_of(r))) {
    count_later("refused_keys");
    http::note_refused(r, "its token has let somebody in");
    return plain(401, "this token has let somebody in");
  }
  // What a network delays comes in order, but in heaps.
  sound_pump::limits of_sound;
  if (how.has_track) of_sound.most_margin_ms = 400;
  of_sound.turn_ms = static_cast<int>(context_.grid.length / std::chrono::milliseconds(1));
  auto c = std::make_shared<client>(of_sound);
  c->kind = how.kind;
  c->has_track = how.has_track;
  c->key_name = visitor.name;
  c->payer = who;
  c->place = place;
  c->only_goes_on = !is_placed;
  c->may_begin = known || !needs_key_;  // a spent token begins nothing
  if (visitor.was_token && !is_placed) c->token = key_of(r);
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto now_s = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
  session_facts facts;
  facts.id = fmt::format("{}_{}", now_s, ++ids_);
  auto model = r.parameter("model").value_or("");
  // Not merged here: a null says something, and the session has rules of its own.
  facts.session_jsons = {visitor.session_json, how.session_json};
  if (how.kind == protocol_kind::realtime && r.parameter("intent") == "transcription")
    facts.session_jsons.insert(facts.session_jsons.begin(), R"({"type":"transcription"})");
  for (auto s = facts.session_jsons.rbegin(); model.empty() && s != facts.session_jsons.rend(); ++s)
    model = text_of(parse_object(*s).value_or(json::object()), "model");
  facts.model = model.substr(0, 128);
  facts.expires_at_s = now_s + config_.session_limit_s;
  facts.session_ms = config_.session_limit_s * 1000;
  facts.idle_ms = config_.idle_limit_s * 1000;
  facts.resume_ms = config_.resume_s * 1000;
  const bool is_named = how.kind == protocol_kind::own || how.kind == protocol_kind::gemini;
  facts.resume_key = how.resume_key;
  facts.call_id = how.call_id;
  if (config_.resume_s > 0 && is_named) facts.resume_key = http::random_token(18);
  facts.has_track = how.has_track;
  facts.sees = sees();
  facts.is_beta = wants_beta(r);
  c->machine =
      std::make_unique<contained>(make_protocol(how.kind, facts), [this](const std::string& fault) {
        context_.count("protocol_faults", 1);
        context_.log("a protocol failed with " + fault + ": its client is let go");
      });
  if (is_named && c->may_begin && !facts.resume_key.empty()) {
    const std::lock_guard lock(calls_mutex_);
    std::erase_if(waits_, [](const auto& known) { return known.second.is_gone(); });
    waits_[facts.resume_key] = {{}, c->key_name, http::sha256_hex(key_of(r)), c, how.kind};
  }
  return c;
}

http::websocket_events gateway::welcome(std::shared_ptr<client> c,
                                        std::shared_ptr<http::websocket> socket) {
  const auto line = std::make_shared<connection>();
  line->socket = std::move(socket);
  const bool is_taken = context_.self->run([this, c, line](emitter& out) {
    line->who = c;
    c->line = line;
    begin(c, out);
  });
  if (!is_taken) line->socket->close(1013, "the server does not keep up");
  return events_of(line);
}

http::websocket_events gateway::events_of(const std::shared_ptr<connection>& line) {
  http::websocket_events events;
  events.message = [this, line](std::string_view message, bool) {
    line->pending.add(*line->socket, message.size());
    const bool is_taken =
        context_.self->run([this, line, text = std::string(message)](emitter& out) {
          received(*line, text, out);
          line->pending.take(*line->socket, text.size());
        });
    if (is_taken) return;
    line->pending.take(*line->socket, message.size());
    line->socket->close(1013, "the server does not keep up");  // rather than with a message missing
  };
  events.closed = [this, line](int code, const std::string&) {
    if (!context_.self->run([this, line, code](emitter&) { gone(line, code); }))
      line->unheard_end = code;
  };
  return events;
}

}  // namespace hocket::gateway
