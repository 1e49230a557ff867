// What ends a conversation by itself, and who watches the run. In the actor's context.
#include <algorithm>
#include <utility>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"

namespace hocket::gateway {
namespace {

constexpr std::int64_t warned_ms = 60'000;  ///< before the end of a session, or half of a short one
constexpr std::chrono::seconds guard_patience{10};  ///< settings that no guard answers
constexpr std::int64_t longest_pause_ms = 10'000;   ///< of who was let in without a place

}  // namespace

/// Tells beforehand what will end, and ends it.
void gateway::watch_limits(client& c, emitter& out) {
  const auto now = ms_of(c);
  const auto idle = (context_.time->now() - c.last_heard) / std::chrono::milliseconds(1);
  if (c.unanswered_since &&
      context_.time->now() - *c.unanswered_since > std::chrono::seconds(config_.lost_s)) {
    output o;
    c.machine->break_off("what answers is gone", 1011, now, o);
    return give(c, std::move(o), out);
  }
  if (!c.asked_settings.empty() && context_.time->now() - c.asked_at > guard_patience) {
    c.asked_settings.clear();
    tell(c, settings_told{{}, {}, "no_settings", "nothing can be set in this conversation"}, out);
  }
  if (c.only_goes_on && now > longest_pause_ms) {
    output o;
    c.machine->break_off("this connection says nothing of what it goes on with", 1013, now, o);
    return give(c, std::move(o), out);
  }
  const auto longest = config_.session_limit_s * 1000, quiet = config_.idle_limit_s * 1000;
  const auto warns = [](std::int64_t limit) { return limit - std::min(warned_ms, limit / 2); };
  if (now > longest || idle > quiet) {
    output o;
    c.machine->end(now > longest ? "expired" : "idle", now, o);
    return give(c, std::move(o), out);
  }
  if (now > warns(longest) && !std::exchange(c.told_of_length, true))
    tell(c, ending{"expired", longest - now}, out);
  if (idle > warns(quiet) && !std::exchange(c.told_of_idleness, true))
    tell(c, ending{"idle", quiet - idle}, out);
  if (c.lost_messages > 0 && c.line && c.line->socket->queued_bytes() == 0)
    tell(c, lost_sound{std::exchange(c.lost_messages, 0)}, out);
}

void gateway::watch_run(emitter&) {
  bool wanted = false;
  for (const auto& [key, c] : clients_) {
    if (c->watch_every_ms == 0 || !c->line || ms_of(*c) - c->watched_ms < c->watch_every_ms)
      continue;
    c->watched_ms = ms_of(*c);
    wanted = c->wants_state = true;
  }
  if (wanted) status_.ask();
}

/// What a client types or shows from now on belongs to a later micro-turn: nobody waits for more of this
/// one, as long as nothing is shown; a picture may be on its way.
void gateway::settle(const client& c, timestamp until, emitter& out) {
  if (c.session == session_id::none) return;
  out.for_session(c.session);
  out.emit(text_out, until, control{control::kind::bound, "", 0});
  if (!c.shown) out.emit(pictures_out, until, control{control::kind::bound, "", 0});
}

}  // namespace hocket::gateway
