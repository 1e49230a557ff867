// A second connection to a call (`GET /v1/realtime?call_id=…`, `/v1/live/sessions/ID/attach`): an app's back
// end sees the events that its user's browser sees, and says what it says beside it: instructions, tools,
// answers.
#include <algorithm>
#include <utility>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/door/site.hpp"
#include "actors/http/digest.hpp"

namespace hocket::gateway {
namespace {

constexpr std::size_t most_aside = 4;  ///< of one call

}  // namespace

/// Whoever made the call, by his key or by the token that it was made with; a call that has ended, or is
/// somebody else's, is not there.
std::variant<http::response, http::websocket_accept> gateway::admit_beside(const http::request& r,
                                                                           const std::string& id) {
  const auto key = key_of(r);
  if (auto no = site_->refuses_socket(r, !key.empty())) return std::move(*no);
  const auto kind = r.path == "/v1/realtime" ? protocol_kind::realtime : protocol_kind::live;
  std::shared_ptr<connection> of_call;
  {
    const std::lock_guard lock(calls_mutex_);
    const auto found = calls_.find(id);
    if (found != calls_.end() && found->second.has_track && id.starts_with(id_prefix(kind, true)) &&
        is_own(found->second, shown_by(key)))
      of_call = found->second.line.lock();
  }
  if (!of_call) {
    count_later("refused_keys");
    return site::problem(404, "not_found", "there is no such call");
  }
  const auto open = [this, of_call](std::shared_ptr<http::websocket> socket) {
    const auto line = std::make_shared<connection>();
    line->socket = std::move(socket);
    const bool is_taken = context_.self->run([this, line, of_call](emitter& out) {
      // Its browser may not have its answer yet: then this one waits for it.
      if (of_call->has_begun) return stand_beside(line, *of_call, out);
      if (of_call->is_gone) return line->socket->close(1001, "the call is over");
      std::erase_if(of_call->early, [](const auto& one) { return one->is_gone; });
      if (of_call->early.size() >= most_aside)
        return line->socket->close(1013, "this call has as many connections as it may");
      line->early_messages.emplace();
      of_call->early.push_back(line);
    });
    if (!is_taken) line->socket->close(1013, "the server does not keep up");
    return events_of(line);
  };
  return http::websocket_accept{subprotocol_for(r), open};
}

/// In the actor's context.
void gateway::stand_beside(const std::shared_ptr<connection>& line, connection& of_call,
                           emitter& out) {
  const auto c = of_call.who.lock();
  if (!c || c->is_over) return line->socket->close(1001, "the call is over, or has not begun");
  std::erase_if(c->aside, [](const auto& a) { return a->who.expired(); });
  if (c->aside.size() >= most_aside)
    return line->socket->close(1013, "this call has as many connections as it may");
  line->who = c;
  output first;
  c->machine->join(ms_of(*c), first);
  for (auto& m : first.messages) line->socket->send(std::move(m));
  c->aside.push_back(line);
  context_.count("beside_calls", 1);
  give(*c, {{}, std::move(first.actions)}, out);
}

/// Who came before the call began, and what they said meanwhile.
void gateway::join_early(connection& of_call, emitter& out) {
  of_call.has_begun = true;
  for (const auto& line : std::exchange(of_call.early, {})) {
    const auto said = std::exchange(line->early_messages, std::nullopt);
    if (line->is_gone) continue;
    stand_beside(line, of_call, out);
    for (const auto& message : *said) received(*line, message, out);
  }
}

/// What is said to a client is said to those beside him; who does not read goes, alone.
void gateway::say_aside(client& c, const std::string& message) {
  std::erase_if(c.aside, [&](const std::shared_ptr<connection>& a) {
    if (a->who.expired()) return true;
    if (a->socket->send(message)) return false;
    context_.count("slow_clients", 1);
    a->who.reset();
    a->socket->close(1013, "the client does not read");
    return true;
  });
}

/// The call is over.
void gateway::end_aside(client& c) {
  for (auto& a : std::exchange(c.aside, {})) {
    a->who.reset();
    a->socket->close(1000, "the call is over");
  }
}

/// Whether it was one of those; then the call goes on.
bool gateway::gone_aside(const std::shared_ptr<connection>& line) {
  const auto c = line->who.lock();
  if (!c) return false;
  const auto n = std::erase(c->aside, line);
  if (n > 0) line->who.reset();
  return n > 0;
}

}  // namespace hocket::gateway
