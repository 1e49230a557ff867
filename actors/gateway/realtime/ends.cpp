// What ends a conversation, or a part of it, without the client's doing; and how another call goes on with it.
#include <utility>

#include "actors/gateway/realtime/machine.hpp"

namespace hocket::gateway::realtime {
namespace {

/// Of the items that a new call is told: a data channel's queue takes them at once.
constexpr std::size_t most_told_bytes = 256 * 1024;

}  // namespace

/// A response that fails is what this protocol has for it: an `error` beside no response ends the receive
/// loop of some clients, and the conversation goes on as soon as something answers again.
void machine::on_model(const model_state& m, step& s) {
  if (m.is_there) return lack_.clear();
  if (!lack_.empty()) return;
  lack_ = lack_in_words(m);
  held_.clear();
  held_words_.clear();
  if (session_.is_transcription())
    return s.events.error({"model_unavailable", lack_, ""}, json(), "server_error");
  if (!response_) open_response(json::object(), s);
  fail_response(s);
}

/// The response under way, and all that wait for their turn behind it.
void machine::fail_response(step& s) {
  end_response(nullptr, s);
  if (playing_) playing_->is_whole = true;  // what was said of it is still heard
  end_waiting(std::exchange(next_create_, std::nullopt), nullptr, s);
  for (auto& e : std::exchange(apart_, {})) end_waiting(std::move(e), nullptr, s);
}

void machine::break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
  lack_ = why;
  step s(*this, now_ms, out);
  if (response_) fail_response(s);
  s.events.error({"model_unavailable", std::string(why), ""}, json(), "server_error");
  out.add(hang_up{code, std::string(why)});
}

void machine::let_go(std::string_view reason, std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  s.events.error({"connection_ended", std::string(reason), ""}, json(), "server_error");
}

/// A new connection knows nothing: it is told the session and the conversation so far. What was on its way to
/// the call before was not heard, and what was said behind that is of no response any more; the voice
/// itself goes on.
void machine::resume(std::string_view, const next_line& by, std::int64_t now_ms, output& out) {
  output unheard;  // events of an end that nobody saw coming
  {
    step s(*this, now_ms, unheard);
    finish_transcription(s);
    if (response_) end_response("client_cancelled", s);
    cut_track(s);
    end_waiting(std::exchange(next_create_, std::nullopt), "client_cancelled", s);
    for (auto& e : std::exchange(apart_, {})) end_waiting(std::move(e), "client_cancelled", s);
    give_results(s);
  }
  for (auto& a : unheard.actions) out.add(std::move(a));
  resume_key_ = by.resume_key;
  odd_byte_.clear();
  reader_ = sound_reader(inner_rate_hz);
  writer_ = sound_writer(inner_rate_hz);
  track_ms_ = track_left_ms_ = 0;
  muted_until_ms_ = 0;
  step s(*this, now_ms, out);
  s.events.session_created(session_.object());
  for (const auto& item : items_.newest(most_told_bytes)) {
    const auto before = items_.before(text_of(item, "id"));
    s.events.item_added(item, before);
    s.events.item_done(item, before);
  }
  if (lack_.empty()) return;
  open_response(json::object(), s);
  fail_response(s);
}

}  // namespace hocket::gateway::realtime
