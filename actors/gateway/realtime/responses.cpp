// The model's side of the machine: voice and words become responses.
#include <algorithm>

#include "actors/gateway/realtime/machine.hpp"

namespace hocket::gateway::realtime {
namespace {

/// A micro-turn, or a part of one.
std::int64_t ms_of(const voice& v) {
  return static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
}

}  // namespace

void machine::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  if (const auto* u = std::get_if<unseen_picture>(&e))
    return s.events.error({"invalid_value", u->why, ""}, json());
  if (const auto* m = std::get_if<model_state>(&e)) return on_model(*m, s);
  if (std::get_if<all_forgotten>(&e) != nullptr) return resume_key_.clear();  // nobody goes on
  if (session_.is_transcription()) {
    if (const auto* h = std::get_if<heard>(&e)) on_heard(*h, s);
    return;
  }
  if (const auto* v = std::get_if<voice>(&e)) on_voice(*v, s);
  if (const auto* l = std::get_if<sound_left>(&e)) on_sound_left(l->ms, s);
  if (const auto* w = std::get_if<said>(&e)) on_said(*w, s);
  if (const auto* h = std::get_if<heard>(&e)) on_heard(*h, s);
  if (const auto* c = std::get_if<tool_call>(&e)) on_tool_call(*c, s);
  // Delegations have no event here: their tools do. A cancelled call's answer is ignored when it comes.
  if (std::get_if<delegated>(&e) != nullptr) patience_until_ms_ = now_ms + settings_.work_ms;
  if (std::get_if<found_out>(&e) != nullptr) patience_until_ms_ = now_ms + settings_.told_ms;
}

bool machine::waits_for_client() const { return !session_.turns().creates_response; }

/// Clients want the person's turn to be over before an answer begins. The model may be quicker than the
/// detector that they asked for: then its voice waits for it, but not for somebody who goes on speaking.
bool machine::waits_for_turn(std::int64_t now_ms) const {
  if (user_item_.empty() || !detector_.is_speaking()) return false;
  return held_.empty() || was_paused_ ||
         now_ms - held_since_ms_ < session_.turns().detector.silence_ms + 200;
}

void machine::hold(const voice& v, std::int64_t now_ms) {
  if (held_.empty()) {
    if (!v.is_open) return;
    held_since_ms_ = now_ms;
  }
  held_.push_back(v);
  std::int64_t all_ms = 0;
  for (const auto& h : held_) all_ms += ms_of(h);
  if (all_ms > settings_.held_ms) held_.pop_front();
}

/// What waited for the end of the person's turn.
void machine::release_held(step& s) {
  if (waits_for_client()) return;
  const bool only_words = held_.empty() && !held_words_.empty() && !session_.has_audio();
  if (held_.empty() && !only_words) return;
  if (!response_) open_response(json::object(), s);
  if (only_words) return say_words(std::exchange(held_words_, {}), s);
  for (const auto& v : std::exchange(held_, {})) on_voice(v, s);
}

void machine::on_voice(const voice& v, step& s) {
  if (s.now_ms < muted_until_ms_) {
    if (v.is_open) return;
    muted_until_ms_ = 0;  // what was cut off has ended: what comes now is new
  }
  if (!response_) {
    if (waits_for_client() || waits_for_turn(s.now_ms)) return hold(v, s.now_ms);
    release_held(s);
  }
  if (!response_) {
    if (!v.is_open) return;
    open_response(json::object(), s);
  }
  auto& r = *response_;
  if (v.is_open) {
    r.silent_ms = 0;
    open_message(s);
    return say(v, s);
  }
  if (r.message_id.empty()) return;
  r.silent_ms += ms_of(v);
  const bool is_long = r.silent_ms >= settings_.silent_turns * settings_.micro_turn_ms;
  if (r.has_call || (is_long && s.now_ms >= patience_until_ms_)) return complete_response(s);
  say(v, s);
}

void machine::on_said(const said& w, step& s) {
  if (s.now_ms < muted_until_ms_ || w.text.empty()) return;
  const bool is_text_only = !waits_for_client() && !session_.has_audio();
  if (!response_ && is_text_only && !waits_for_turn(s.now_ms)) open_response(json::object(), s);
  if (response_ && (!response_->has_audio || !response_->message_id.empty()))
    return say_words(w.text, s);
  // Words may come a moment before their voice.
  held_words_ += w.text;
  if (held_words_.size() > 4096) held_words_.erase(0, held_words_.size() - 4096);
}

void machine::on_heard(const heard& h, step& s) {
  if (!session_.transcribes()) return;
  const auto& item = transcribed_item_.empty() ? user_item_ : transcribed_item_;
  if (item.empty() || h.text.empty()) return;
  transcript_ += h.text;
  if (transcribed_item_.empty()) return;  // told as soon as the item is there
  s.events.transcription_delta(item, h.text);
  transcribe_until_ms_ = s.now_ms + 2'000;
  if (h.is_final) finish_transcription(s);
}

void machine::finish_transcription(step& s) {
  if (transcribed_item_.empty()) return;
  const auto id = std::exchange(transcribed_item_, {});
  const auto words = std::exchange(transcript_, {});
  if (auto* item = items_.find(id))
    if (auto* part = first_part(*item, "input_audio")) (*part)["transcript"] = words;
  s.events.transcription_completed(id, words, transcribed_from_ms_ / 1000.0);
}

void machine::on_tool_call(const tool_call& c, step& s) {
  if (!response_) open_response(json::object(), s);
  const place at{text_of(response_->object, "id"), next_id("item"), response_->outputs++, 0};
  const auto arguments = line_of(c.arguments.is_object() ? c.arguments : json::object());
  json item = {{"id", at.item_id},        {"object", "realtime.item"},
               {"type", "function_call"}, {"call_id", c.call_id},
               {"name", c.name},          {"status", "in_progress"},
               {"arguments", ""}};
  s.events.output_item_added(at, item);
  const auto previous = response_->is_apart ? json() : items_.add(item);
  if (!response_->is_apart) s.events.item_added(item, previous);
  s.events.arguments_delta(at, c.call_id, arguments);
  s.events.arguments_done(at, c.call_id, c.name, arguments);
  item["status"] = "completed";
  item["arguments"] = arguments;
  if (auto* kept = items_.find(at.item_id)) *kept = item;
  s.events.output_item_done(at, item);
  if (!response_->is_apart) s.events.item_done(item, previous);
  response_->done_items.push_back(item);
  response_->has_call = true;
  // Beside a voice it ends when that does; alone it is the whole answer.
  if (response_->message_id.empty()) complete_response(s);
}

/// The background goes on with them now, so that its answer belongs to the response that the client
/// asks for after a call.
void machine::give_results(step& s) {
  for (auto& r : std::exchange(results_, {})) s.out.add(std::move(r));
}

// --- one response ---------------------------------------------------------------------------------

void machine::open_response(const json& asked, step& s) {
  response r;
  r.has_audio = session_.has_audio();
  const auto& modalities = member(asked, "output_modalities");
  if (!modalities.is_null()) (void)read_modalities(modalities, "", r.has_audio);
  r.is_apart = member(asked, "conversation") == "none";
  r.began_ms = r.last_ms = s.now_ms;
  const auto& out = session_.object()["audio"]["output"];
  r.object = {{"id", next_id("resp")},
              {"object", "realtime.response"},
              {"status", "in_progress"},
              {"status_details", nullptr},
              {"output", json::array()},
              {"conversation_id", r.is_apart ? json() : json("conv_" + settings_.session_id)},
              {"output_modalities", json::array({r.has_audio ? "audio" : "text"})},
              {"max_output_tokens", session_.object()["max_output_tokens"]},
              {"audio", {{"output", {{"format", out["format"]}, {"voice", out["voice"]}}}}},
              {"usage", nullptr},
              {"metadata", member(asked, "metadata")}};
  quiet_since_ms_ = -1;
  response_ = std::move(r);
  s.events.response_created(response_->object);
}

place machine::at_message() const {
  return {text_of(response_->object, "id"), response_->message_id, response_->message_index, 0};
}

void machine::open_message(step& s) {
  auto& r = *response_;
  if (!r.message_id.empty()) return;
  r.message_id = next_id("item");
  r.message_index = r.outputs++;
  const json item = {{"id", r.message_id},  {"object", "realtime.item"},
                     {"type", "message"},   {"status", "in_progress"},
                     {"role", "assistant"}, {"content", json::array()}};
  const auto at = at_message();
  s.events.output_item_added(at, item);
  if (!r.is_apart) s.events.item_added(item, items_.add(item));
  s.events.content_part_added(at, r.has_audio ? json{{"type", "audio"}, {"transcript", ""}}
                                              : json{{"type", "text"}, {"text", ""}});
  if (const auto words = std::exchange(held_words_, {}); !words.empty()) say_words(words, s);
}

void machine::say(const voice& v, step& s) {
  auto& r = *response_;
  r.last_ms = s.now_ms;
  if (!r.has_audio || v.samples.empty()) return;
  if (settings_.has_track) return say_on_track(v, s);
  const auto bytes = writer_.write(v.samples, session_.format_out());
  if (!bytes || bytes->empty()) return;
  r.sent_ms += static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  s.events.audio_delta(at_message(), *bytes);
}

void machine::say_words(const std::string& text, step& s) {
  open_message(s);
  response_->words += text;
  response_->last_ms = s.now_ms;
  if (response_->has_audio)
    s.events.transcript_delta(at_message(), text);
  else
    s.events.text_delta(at_message(), text);
}

void machine::close_message(const char* status, step& s) {
  auto& r = *response_;
  if (r.message_id.empty()) return;
  const auto at = at_message();
  json part;
  if (r.has_audio) {
    s.events.audio_done(at);
    s.events.transcript_done(at, r.words);
    s.events.content_part_done(at, {{"type", "audio"}, {"transcript", r.words}});
    part = {{"type", "output_audio"}, {"transcript", r.words}};
  } else {
    s.events.text_done(at, r.words);
    s.events.content_part_done(at, {{"type", "text"}, {"text", r.words}});
    part = {{"type", "output_text"}, {"text", r.words}};
  }
  const json item = {{"id", r.message_id},  {"object", "realtime.item"},
                     {"type", "message"},   {"status", status},
                     {"role", "assistant"}, {"content", json::array({part})}};
  s.events.output_item_done(at, item);
  json before;
  if (auto* kept = items_.find(r.message_id)) {
    *kept = item;
    before = items_.before(r.message_id);
  }
  if (!r.is_apart) s.events.item_done(item, before);
  if (playing_ && playing_->item_id == r.message_id) playing_->is_whole = true;
  last_audio_item_ = r.message_id;
  last_audio_sent_ms_ = last_words_ms_ = r.sent_ms;
  // In the order of the output, where calls may have come meanwhile.
  r.done_items.insert(
      r.done_items.begin() + std::min<int>(r.message_index, static_cast<int>(r.done_items.size())),
      item);
}

/// It is over, and what waits for it begins.
void machine::complete_response(step& s) {
  end_response(nullptr, s);
  begin_next(nullptr, s);
}

/// It is over, and nothing else is. `reason`: why it was cut off; null: it is whole.
void machine::end_response(const char* reason, step& s) {
  const bool is_whole = reason == nullptr && lack_.empty();
  close_message(is_whole ? "completed" : "incomplete", s);
  auto& object = response_->object;
  object["status"] = is_whole ? "completed" : lack_.empty() ? "cancelled" : "failed";
  if (!lack_.empty())
    object["status_details"] = {
        {"type", "failed"},
        {"error", {{"type", "server_error"}, {"code", "model_unavailable"}, {"message", lack_}}}};
  else if (!is_whole)
    object["status_details"] = {{"type", "cancelled"}, {"reason", reason}};
  object["output"] = response_->done_items;
  object["usage"] = usage();
  const auto done = std::exchange(response_, std::nullopt);
  if (held_.empty()) held_words_.clear();  // else they are the words of that voice
  quiet_since_ms_ = s.now_ms;
  s.events.response_done(done->object);
}

/// Counted as the hosted service does: 10 tokens for a second heard, 20 for a second said, and words
/// at four bytes each.
json machine::usage() {
  const auto in = static_cast<std::int64_t>(usage_in_ms_ / 100);
  const auto audio = response_->has_audio ? response_->sent_ms / 50 : 0;
  const auto text = static_cast<std::int64_t>((response_->words.size() + 3) / 4);
  usage_in_ms_ = 0;
  return {{"total_tokens", in + audio + text},
          {"input_tokens", in},
          {"output_tokens", audio + text},
          {"input_token_details", {{"cached_tokens", 0}, {"text_tokens", 0}, {"audio_tokens", in}}},
          {"output_token_details", {{"text_tokens", text}, {"audio_tokens", audio}}}};
}

}  // namespace hocket::gateway::realtime
