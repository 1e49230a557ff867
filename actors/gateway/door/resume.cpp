// How another connection goes on with a conversation, and how one is refused that has nobody to answer.
#include <algorithm>
#include <utility>
#include <vector>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/door/site.hpp"
#include "actors/http/digest.hpp"
#include "actors/http/routes.hpp"

namespace hocket::gateway {
namespace {

constexpr const char* gone_on = "another connection goes on with this conversation";

}  // namespace

// --- on the server's thread -----------------------------------------------------------------------

/// The call, or the WebSocket, that a new one names (`?resume=ID`), by the key or the token that it was made
/// with, spent as it is. One that is somebody else's, has another protocol or may not be gone on with is not
/// there.
std::shared_ptr<client> gateway::find_call(const http::request& r, protocol_kind kind,
                                           bool has_track, const std::string& earlier) {
  const auto by = shown_by(key_of(r));
  const std::lock_guard lock(calls_mutex_);
  const auto found = calls_.find(earlier);
  if (found == calls_.end() || found->second.resumable != kind ||
      found->second.has_track != has_track || !is_own(found->second, by))
    return nullptr;
  return found->second.who.lock();
}

/// `?resume`, empty: another call may go on with this one; with an id: it goes on with that one. A call of
/// Hocket's own protocol says so in its first event.
std::variant<http::response, gateway::asked_for> gateway::who_calls(const http::request& r,
                                                                    protocol_kind kind,
                                                                    bool has_track,
                                                                    std::string session_json) {
  asked_for out;
  out.id = std::string(id_prefix(kind, has_track)) + http::random_token(18);
  const auto resume = r.parameter("resume");
  if (kind != protocol_kind::own && resume && config_.resume_s > 0) out.resumable = kind;
  if (kind != protocol_kind::own && resume && !resume->empty()) {
    out.who = find_call(r, kind, has_track, *resume);
    out.earlier = *resume;
    if (!has_track) out.id = *resume;  // its session's, which its client knows
    if (!out.who) {
      count_later("refused_keys");
      http::note_refused(r, "it names no call of its key to go on with");
      return site::problem(404, "cannot_resume", "there is nothing of that name to go on with");
    }
  } else {
    if (auto no = refuses_new(r, kind)) return std::move(*no);
    const bool is_named = out.resumable != protocol_kind::none;
    auto entered =
        enter(r, {kind, has_track, std::move(session_json), out.id, is_named ? out.id : ""});
    if (auto* no = std::get_if<http::response>(&entered)) return std::move(*no);
    out.who = std::get<std::shared_ptr<client>>(entered);
    out.has_spent = !out.who->only_goes_on;  // who goes on shows one that another has spent
  }
  out.key_name = out.who->key_name;
  return out;
}

/// A WebSocket of Realtime or Live that another one may go on with, or that goes on: their clients have no
/// word for that, and can say it in the address.
std::variant<http::response, http::websocket_accept> gateway::admit_named(const http::request& r,
                                                                          protocol_kind kind) {
  auto found = who_calls(r, kind, false, "");
  if (auto* no = std::get_if<http::response>(&found)) return std::move(*no);
  const auto what = std::get<asked_for>(found);
  const auto open =
      [this, what, digest = http::sha256_hex(key_of(r))](std::shared_ptr<http::websocket> socket) {
        const auto line = std::make_shared<connection>();
        line->socket = std::move(socket);
        if (what.earlier.empty()) {
          const std::lock_guard lock(calls_mutex_);
          std::erase_if(calls_, [](const auto& known) { return known.second.is_gone(); });
          calls_[what.id] = {line, what.key_name, digest, what.who, what.resumable, false};
        }
        const bool is_taken =
            context_.self->run([this, what, line](emitter& out) { stands(what, line, out); });
        if (!is_taken) line->socket->close(1013, "the server does not keep up");
        return events_of(line);
      };
  return http::websocket_accept{subprotocol_for(r), open};
}

/// The name behind the key of a conversation that waits, or whose connection may be dead without knowing
/// it: it has a place already. `?resume=` names it, by the same key; or a token is shown that has let in
/// once, to it: some clients say with their first message what they go on with.
std::optional<std::string> gateway::goes_on(const http::request& r) {
  const auto key = r.parameter("resume").value_or("");
  const auto by = shown_by(key_of(r));
  if (key.empty() && by.is_known) return std::nullopt;
  const auto kind = std::max(protocol_at(r.path), call_at(r.path).kind);
  const std::lock_guard lock(calls_mutex_);
  const auto found = key.empty() ? std::ranges::find_if(waits_,
                                                        [&](const auto& one) {
                                                          return one.second.resumable == kind &&
                                                                 !one.second.is_gone() &&
                                                                 is_own(one.second, by);
                                                        })
                                 : waits_.find(key);
  if (found == waits_.end() || found->second.is_gone() || !is_own(found->second, by))
    return std::nullopt;
  return found->second.key_name;
}

/// Whether the first message of a connection may mean a conversation that there is: one of its key, in its
/// protocol.
bool gateway::may_go_on(protocol_kind kind, const std::string& key_name) {
  const std::lock_guard lock(calls_mutex_);
  return std::ranges::any_of(waits_, [&](const auto& one) {
    return one.second.resumable == kind && one.second.key_name == key_name && !one.second.is_gone();
  });
}

/// Where nothing answers, who cannot mean a conversation that there is already need not come in.
std::optional<http::response> gateway::refuses_new(const http::request& r, protocol_kind kind) {
  if (answers_ || kind == protocol_kind::own || kind == protocol_kind::gemini) return std::nullopt;
  count_later("refused_without_model");
  http::note_refused(r, "what answers is gone");
  return site::no_model();
}

// --- in the actor's context -----------------------------------------------------------------------

/// Who was let in to go on with a conversation, and begins a new one, needs a place for that.
bool gateway::takes_place(client& c) {
  if (!c.only_goes_on) return true;
  const auto now = key_ring::clock::now();
  if (!c.may_begin || keys_->enter(c.payer, now, *c.place) != key_ring::refusal::none) return false;
  if (!c.token.empty() && !keys_->spend(c.token)) {
    c.place->give_back();
    return false;
  }
  c.only_goes_on = false;
  c.token.clear();
  return true;
}

/// Whether it may not begin, since nothing answers or there is no place; then it has been told.
bool gateway::refuse_begin(client& c, emitter& out) {
  const bool has_answers = answers_ && !lost_models_.contains(c.session);
  if (has_answers && takes_place(c)) return false;
  if (!has_answers) context_.count("refused_without_model", 1);
  output o;
  c.machine->break_off(
      has_answers ? "this connection has no place for a new conversation: come again in a moment"
                  : "what answers is gone: no conversation begins now; come again in a moment",
      1013, ms_of(c), o);
  give(c, std::move(o), out);
  return true;
}

/// A connection goes on with the conversation that another one left. The old one may not know yet that
/// it is dead.
void gateway::take_over(const std::shared_ptr<client>& c, const std::string& key,
                        const std::string& message, emitter& out) {
  const auto is = [&key](const std::string& one) {
    return !one.empty() && http::same_secret(one, key);
  };
  for (const auto& [ignored, old] : std::map(clients_)) {
    if (old == c || old->is_over || old->key_name != c->key_name || old->kind != c->kind ||
        !(is(old->machine->resume_key()) || is(old->machine->earlier_key())))
      continue;
    const auto line = std::exchange(c->line, nullptr);
    leave(c);
    if (old->has_track != c->has_track) old->sound = std::move(c->sound);
    const auto next = http::random_token(18);
    if (c->kind == protocol_kind::own) {
      const std::lock_guard lock(calls_mutex_);
      auto found = waits_.extract(key);
      std::erase_if(waits_, [&](const auto& w) { return w.second.who.lock() == old; });
      if (found) {
        waits_[next] = found.mapped();
        waits_.insert(std::move(found));  // until its client has the new one
      }
    }
    return hand_over(old, line, message, next, out);
  }
  output o;
  c->machine->cannot_resume(ms_of(*c), o);
  give(*c, std::move(o), out);
}

/// A connection that was named when it was asked for: it begins its conversation, or goes on with it.
void gateway::stands(const asked_for& what, const std::shared_ptr<connection>& line, emitter& out) {
  if (!what.earlier.empty()) {
    go_on(what, line, out);
  } else {
    line->who = what.who;
    what.who->line = line;
    begin(what.who, out);
  }
  join_early(*line, out);
}

/// A call goes on where another one was. Of several that want to, the first one does: its id is the key from
/// then on. Of WebSockets, which keep their id, the last one does.
void gateway::go_on(const asked_for& what, const std::shared_ptr<connection>& line, emitter& out) {
  const auto& who = what.who;
  // One whose own call never stood has not begun: nobody would look after it.
  const auto key = clients_.contains(who.get()) ? who->machine->resume_key() : std::string();
  if (!key.empty() && http::same_secret(key, what.earlier)) {
    {
      const std::lock_guard lock(calls_mutex_);
      if (what.id != what.earlier)
        calls_.erase(what.earlier);
      else if (const auto known = calls_.find(what.id); known != calls_.end())
        known->second.line = line;
    }
    return hand_over(who, line, "", what.id, out);
  }
  output o;
  make_protocol(who->kind, {})->let_go("there is no such call to go on with", 0, o);
  for (auto& m : o.messages) line->socket->send(std::move(m));
  line->is_gone = true;
  line->socket->close(1008, "there is no such call to go on with");
}

/// Most of those that closed do not come back: they may not hold the places of others.
void gateway::leave_oldest_closed() {
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, config_.max_sessions / 4));
  std::vector<std::shared_ptr<client>> closed;
  for (const auto& [ignored, c] : clients_)
    if (c->has_closed && !c->is_over) closed.push_back(c);
  if (closed.size() <= most) return;
  leave(*std::ranges::min_element(closed, {}, [](const auto& c) { return *c->alone_since; }));
}

void gateway::hand_over(const std::shared_ptr<client>& to, const std::shared_ptr<connection>& line,
                        const std::string& message, const std::string& next_key, emitter& out) {
  if (to->line) {
    to->line->who.reset();
    end_line(*to, ms_of(*to), 4001, gone_on);
  }
  to->line = line;
  to->has_track = line->call != nullptr;
  line->who = to;
  line->left_ms = 0;
  to->alone_since.reset();
  to->has_closed = false;
  to->last_heard = context_.time->now();
  context_.count("resumed", 1);
  output o;
  to->machine->resume(message, {to->has_track, next_key}, ms_of(*to), o);
  give(*to, std::move(o), out);
  for (auto& call : std::exchange(to->unheard_calls, {})) tell(*to, std::move(call), out);
}

/// A channel of a call ends without a code: who would come back after it is told first.
void gateway::end_line(client& c, std::int64_t now_ms, int code, const char* reason) {
  if (c.line->call) {
    output o;
    c.machine->let_go(reason, now_ms, o);
    for (auto& m : o.messages) c.line->socket->send(std::move(m));
  }
  c.line->socket->close(code, reason);
}

}  // namespace hocket::gateway
