// Calls (WebRTC): an offer by HTTP, then messages over a data channel and sound over a track.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/door/site.hpp"
#include "actors/gateway/live/session.hpp"
#include "actors/gateway/realtime/session.hpp"
#include "actors/gateway/webrtc/addresses.hpp"
#include "actors/gateway/webrtc/form.hpp"
#include "actors/http/address.hpp"
#include "actors/http/digest.hpp"
#include "actors/http/escape.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::gateway {
namespace {

/// What somebody asks who calls.
struct asked_call {
  webrtc::description offer;
  std::string session_json;
};

bool is_type(std::string_view header, std::string_view type) {
  const auto given = header.substr(0, header.find(';'));
  return std::equal(given.begin(), given.end(), type.begin(), type.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

/// Live's: JSON with the session and the transport. What is wrong with it, else its offer in `sdp`.
std::optional<http::response> read_live(const http::request& r, asked_call& out, std::string& sdp) {
  const auto body = parse_object(r.body);
  if (!body) return site::problem(400, "invalid_json", "the body is a JSON object");
  const auto& transport = member(*body, "transport");
  sdp = text_of(transport, "sdp");
  if (text_of(transport, "type") != "webrtc" || sdp.empty())
    return site::problem(400, "invalid_value",
                         "`transport` is {\"type\": \"webrtc\", \"sdp\": an offer}");
  live::agreed read;
  if (const auto wrong = live::read_session(member(*body, "session"), true, read))
    return site::problem(400, wrong->code, wrong->message);
  out.session_json = line_of(member(*body, "session"));
  return std::nullopt;
}

/// An offer as it is, or a form with `sdp` and, for Realtime, `session`.
std::variant<http::response, asked_call> read_call(const http::request& r, protocol_kind kind) {
  const std::string type(r.header("Content-Type").value_or(""));
  asked_call out;
  std::string sdp = r.body;
  if (kind == protocol_kind::live && !is_type(type, "application/json"))
    return site::problem(415, "unsupported_media_type", "the body is application/json");
  if (kind == protocol_kind::live) {
    if (auto no = read_live(r, out, sdp)) return std::move(*no);
  } else if (is_type(type, "multipart/form-data")) {
    auto form = webrtc::read_form(type, r.body);
    if (!form) return site::problem(400, "invalid_form", form.error().message);
    sdp = (*form)["sdp"];
    out.session_json = (*form)["session"];
    if (sdp.empty()) return site::problem(400, "invalid_form", "the form has no field `sdp`");
  } else if (!is_type(type, "application/sdp")) {
    return site::problem(
        415, "unsupported_media_type",
        "an offer is application/sdp, or multipart/form-data with the field `sdp`");
  }
  auto offer = webrtc::read_description(sdp);
  if (!offer) return site::problem(400, "invalid_offer", offer.error().message);
  if (offer->setup == "passive")
    return site::problem(400, "invalid_offer", "an offer leaves `a=setup` to us: actpass");
  out.offer = std::move(*offer);
  if (out.session_json.empty() || kind != protocol_kind::realtime) return out;
  const auto session = parse_object(out.session_json);
  if (!session) return site::problem(400, "invalid_json", "`session` is a JSON object");
  if (const auto wrong = realtime::session("sess", "hocket", 0).update(*session))
    return site::problem(400, wrong->code, wrong->message);
  return out;
}

http::response refused(const error& why) {
  if (why.code == "gateway.busy") {
    auto out = site::problem(503, "busy", why.message);
    out.headers.emplace_back("Retry-After", "2");
    return out;
  }
  return site::problem(why.code == "gateway.bad_sdp" ? 400 : 500, "no_call", why.message);
}

}  // namespace

/// With the name and the password in it, as the media library wants it; empty where none is configured.
result<std::string> gateway::turn_url() const {
  if (config_.turn.empty()) return std::string();
  std::string_view at = config_.turn;
  bool is_tls = false;
  for (const std::string_view scheme : {"turns:", "turn:"}) {
    if (!at.starts_with(scheme)) continue;
    auto rest = at.substr(scheme.size());
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (rest.find(':') == rest.npos) break;  // a host of that name
    at = rest;
    is_tls = scheme == "turns:";
    break;
  }
  // A host, or an IPv6 address in brackets, and a port; what else it is may hold a password.
  const auto colon = at.rfind(':');
  const bool is_one_host = at.starts_with('[') || at.find(':') == colon;
  if (at.find_first_of("@/?# ") != at.npos || colon == at.npos || !is_one_host)
    return fail(
        "gateway.bad_address",
        "`turn` is no `host:port` or `turns://host:port`; the name goes to `turn_user`, the "
        "variable with the password to `turn_key_env`");
  if (context_.may && !config_.turn_key_env.empty())
    HOCKET_TRY(context_.may->variable(config_.turn_key_env));
  const char* key =
      config_.turn_key_env.empty() ? nullptr : std::getenv(config_.turn_key_env.c_str());
  if (config_.turn_user.empty() || key == nullptr || *key == 0)
    return fail(
        "gateway.no_turn_key",
        "a TURN server lets in by name and password: set `turn_user`, and `turn_key_env` to "
        "the variable that holds the password");
  trust::note_secret(config_.turn_key_env, key);
  return fmt::format("{}://{}:{}@{}", is_tls ? "turns" : "turn",
                     http::percent_escaped(config_.turn_user), http::percent_escaped(key), at);
}

result<void> gateway::start_exchange() {
  webrtc::exchange::options o;
  for (const auto& a : config_.call_addresses) {
    unsigned char bytes[16];
    if (::inet_pton(AF_INET, a.c_str(), bytes) != 1 && ::inet_pton(AF_INET6, a.c_str(), bytes) != 1)
      return fail("gateway.bad_address",
                  "`call_addresses` holds " + a + ", which is no IPv4 or IPv6 address");
  }
  o.addresses = config_.call_addresses;
  // Who listens to this machine alone is called from it alone.
  const auto at = http::parse_address(config_.listen);
  // Else each call looks for those of its time: networks come and go.
  if (o.addresses.empty() && at && at->is_loopback()) o.addresses = webrtc::own_addresses(true);
  if (!config_.stun.empty()) o.stun = "stun://" + config_.stun;
  auto turn = turn_url();
  if (!turn) return fail(turn);
  o.turn = std::move(*turn);
  exchange_ = std::make_unique<webrtc::exchange>(std::move(o));
  return {};
}

result<void> gateway::start_desk() {
  if (config_.edit && context_.may && context_.may->allowed().who != trust::level::own)
    return fail("gateway.no_edit",
                "`edit: true` of a graph that somebody else wrote: only the operator's own may let "
                "others change it");
  if (config_.edit && !config_.edit_key.empty())
    HOCKET_TRY(keys_->read_lines("run-editor " + config_.edit_key + " edit"));
  if (config_.edit && !keys_->has_editor())
    return fail("gateway.no_editor",
                "`edit: true` needs a key that may edit: `hocket keys --api NAME --edit` makes one "
                "(`keys_file`), `hocket serve --edit` one for the run");
  edit::desk::options o{context_.output_dir, context_.types, ""};
  if (!config_.training.empty()) {
    o.training = config_.training;
    if (context_.may) {
      const auto may = context_.may->readable(config_.training);
      if (!may) return fail(may);
      o.training = *may;
    }
  }
  desk_ = std::make_unique<edit::desk>(std::move(o));
  return {};
}

/// The graph as text, and its changes: who may, is decided here; what is done, by the desk.
void gateway::serve_desk(const http::request& r, const tell_later& tell) {
  const auto key = key_of(r);
  if (auto no = site_->refuses(r, keys_->owner_of(key).has_value())) {
    if (no->status == 401) count_later("refused_keys");
    return tell(std::move(*no));
  }
  const bool is_for_editors = std::ranges::any_of(edit::pages, [&](const edit::page& p) {
    return r.path == p.path && p.is_for == edit::page::editors;
  });
  if (is_for_editors && !keys_->may_edit(key)) {
    http::note_refused(r, "its key may talk, not edit");
    return tell(site::problem(403, "not_an_editor",
                              "this key may talk, not edit: `hocket keys --api NAME --edit` makes "
                              "one that may"));
  }
  if (is_for_editors)
    if (auto no = site::refuses_edit(r)) return tell(std::move(*no));
  desk_->take(r, tell);
}

void gateway::serve(const http::request& r, const http::responder& reply) {
  if (desk_ && edit::desk::is_page(r.path) && r.method != "OPTIONS")
    return serve_desk(r, [reply](http::response out) { reply(std::move(out)); });
  const auto at = call_at(r.path);
  const bool is_call = at.kind != protocol_kind::none &&
                       (protocol_at(r.path) == protocol_kind::none || r.method == "POST");
  if (!is_call || !exchange_ || r.method == "OPTIONS") return reply(site_->answer(r));
  const tell_later tell = [reply, more = site_->cross_origin(r)](http::response out) {
    out.headers.insert(out.headers.end(), more.begin(), more.end());
    reply(std::move(out));
  };
  const auto visitor = keys_->let_in(key_of(r), key_ring::clock::now());
  // Who came in by a token has spent it; that a call is his own, its end sees.
  const bool names_one =
      at.kind != protocol_kind::own && !r.parameter("resume").value_or("").empty();
  const bool shows_own = ((!at.id.empty() || names_one) && !key_of(r).empty()) || goes_on(r);
  if (auto no = site_->refuses(r, visitor.has_value() || shows_own)) {
    if (no->status == 401) count_later("refused_keys");
    return tell(std::move(*no));
  }
  if (at.id.empty()) return take_call(r, at.kind, tell);
  if (at.hangs_up != (r.method == "POST"))
    return tell(site::problem(404, "not_found", "a call is ended by POST …/hangup or by DELETE"));
  end_call(at.id, shown_by(key_of(r)), tell);
}

gateway::shown gateway::shown_by(const std::string& key) const {
  const auto visitor = keys_->let_in(key, key_ring::clock::now());
  shown out;
  out.is_known = visitor || !needs_key_;
  out.is_key = visitor ? !visitor->was_token : !needs_key_;
  if (visitor) out.name = visitor->name;
  out.digest = http::sha256_hex(key);
  return out;
}

/// By the key that it was made with, or that its token was issued to; of tokens by that one alone.
bool gateway::is_own(const placed_call& call, const shown& by) {
  return (by.is_key && call.key_name == by.name) || http::same_secret(call.key_digest, by.digest);
}

void gateway::take_call(const http::request& r, protocol_kind kind, const tell_later& tell) {
  auto read = read_call(r, kind);
  if (auto* no = std::get_if<http::response>(&read)) return tell(std::move(*no));
  auto& asked = std::get<asked_call>(read);
  // Who goes on takes no place: his tries alone would be without bound.
  if (exchange_->calls() >= 2 * static_cast<std::size_t>(config_.max_sessions) + 32)
    return tell(refused(fail("gateway.busy", "too many calls are on their way").value()));
  auto found = who_calls(r, kind, true, std::move(asked.session_json));
  if (auto* no = std::get_if<http::response>(&found)) return tell(std::move(*no));
  const auto what = std::get<asked_for>(found);
  const auto line = std::make_shared<connection>();
  const auto done = [this, what = what.known(), line, kind, tell,
                     key = key_of(r)](result<webrtc::exchange::set_up> made) {
    if (!made) {
      if (what.has_spent) keys_->give_back(key);
      count_later("refused_calls_setup");
      return tell(refused(made.error()));
    }
    line->socket = line->call = made->call;
    {  // before its client, or its app's back end, is told of it
      const std::lock_guard lock(calls_mutex_);
      std::erase_if(calls_, [](const auto& known) { return known.second.is_gone(); });
      calls_[what.id] = {line,     what.key_name,  http::sha256_hex(key),
                         what.who, what.resumable, true};
    }
    count_later("calls");
    tell(answered(kind, what.id, std::move(made->sdp)));
  };
  exchange_->answer(std::move(asked.offer), events_of_call(what, line), done);
}

http::response gateway::answered(protocol_kind kind, const std::string& id, std::string sdp) {
  const http::header_list more = {{"Location", std::string(call_path(kind)) + "/" + id},
                                  {"Cache-Control", "no-store"}};
  if (kind != protocol_kind::live) return {201, "application/sdp", std::move(sdp), more};
  const json body = {{"session", {{"id", id}}},
                     {"transport", {{"type", "webrtc"}, {"sdp", std::move(sdp)}}}};
  return {201, "application/json", line_of(body), more};
}

webrtc::call_events gateway::events_of_call(const asked_for& what,
                                            const std::shared_ptr<connection>& line) {
  webrtc::call_events out;
  const auto of_socket = events_of(line);
  out.message = of_socket.message;
  out.closed = of_socket.closed;
  out.open = [this, what, line] {
    const bool is_taken =
        context_.self->run([this, what, line](emitter& to) { stands(what, line, to); });
    if (!is_taken) line->socket->close(1013, "the server does not keep up");
  };
  out.sound = [this, line](std::vector<float> samples) {
    // What is dropped is told with the next piece: nothing more is put into a mailbox that is behind.
    if (line->sound_pieces >= connection::most_sound_pieces) return void(++line->dropped_pieces);
    ++line->sound_pieces;
    const bool is_taken =
        context_.self->run([this, line, samples = std::move(samples)](emitter& to) mutable {
          --line->sound_pieces;
          if (const auto lost = line->dropped_pieces.exchange(0); lost > 0)
            context_.count("dropped_pieces", lost);
          heard(*line, std::move(samples), to);
        });
    if (is_taken) return;
    --line->sound_pieces;
    ++line->dropped_pieces;
  };
  if (!sees()) return out;
  out.picture = [this, line](webrtc::shown_picture p) {
    if (line->pictures >= connection::most_pictures) return;  // a newer one comes
    ++line->pictures;
    const bool is_taken = context_.self->run([this, line, p = std::move(p)](emitter& to) mutable {
      --line->pictures;
      look_at(*line, {p.width, p.height, buffer::take(std::move(p.pixels))}, to);
    });
    if (!is_taken) --line->pictures;
  };
  return out;
}

void gateway::heard(connection& from, std::vector<float> samples, emitter& out) {
  const auto c = from.who.lock();
  if (!c || c->is_over) return;
  // Of a track something always comes, were it the silence that is made where nothing does.
  if (is_voice(samples)) {
    c->last_heard = context_.time->now();
    c->told_of_idleness = false;
  }
  output o;
  c->machine->hear(std::move(samples), ms_of(*c), o);
  const bool says = !o.actions.empty();
  give(*c, std::move(o), out);
  if (says && !c->is_over && c->session == session_id::none) open_session(c, out);
  pump(*c, out);
}

/// What a call's network cost since this was counted last; at its end, too.
void gateway::count_call(connection& line) {
  if (!line.call) return;
  const auto now = line.call->figures();
  const auto before = std::exchange(line.counted, now);
  const auto add = [&](const char* name, std::uint64_t is, std::uint64_t was) {
    if (is > was) context_.count(name, static_cast<std::int64_t>(is - was));
  };
  add("lost_packets", now.lost_packets, before.lost_packets);
  add("late_packets", now.late_packets, before.late_packets);
  add("voice_holes", now.holes_out, before.holes_out);
}

/// How much of the voice is out, for a machine that tells its client when it was heard.
void gateway::tell_of_track(client& c, emitter& out) {
  if (!c.line || !c.line->call || c.is_over) return;
  const auto ms = static_cast<std::int64_t>(c.line->call->played() * 1000 / inner_rate_hz);
  if (ms == std::exchange(c.line->left_ms, ms)) return;
  tell(c, sound_left{ms}, out);
}

void gateway::end_call(const std::string& id, const shown& by, const tell_later& tell) {
  const bool is_taken = context_.self->run([this, id, by, tell](emitter& out) {
    std::unique_lock lock(calls_mutex_);
    const auto found = calls_.find(id);
    const auto line = found == calls_.end() ? nullptr : found->second.line.lock();
    // A call that took another's place (`take_over`) is of that one's conversation.
    auto who = line ? line->who.lock() : nullptr;
    if (!who && found != calls_.end()) who = found->second.who.lock();
    // One that is broken waits for another call, although its line may not be gone altogether.
    const bool waits =
        who && !who->line && clients_.contains(who.get()) &&
        (found->second.resumable == protocol_kind::none || who->machine->resume_key() == id);
    const bool goes = who && !who->is_over && (waits || (line && who->line == line));
    const bool is_his = (line || goes) && is_own(found->second, by);
    if (!is_his && !by.is_known) {
      context_.count("refused_keys", 1);
      return tell(site::problem(401, "invalid_api_key", "this key is not known"));
    }
    if (!is_his) return tell(site::problem(404, "not_found", "there is no such call"));
    calls_.erase(found);
    lock.unlock();
    if (goes) {
      output o;
      who->machine->end("hung up", ms_of(*who), o);
      for (auto& a : o.actions)
        if (auto* h = std::get_if<hang_up>(&a)) h->code = 1000;
      give(*who, std::move(o), out);
    }
    if (line) line->socket->close(1000, "hung up");
    tell({200, "text/plain; charset=utf-8", "", {}});
  });
  if (!is_taken) tell(site::problem(503, "busy", "the server does not keep up"));
}

}  // namespace hocket::gateway
