#include "actors/interaction/remote/realtime.hpp"

#include <fmt/format.h>

namespace hocket::remote {
namespace {

using gateway::member;
using gateway::number_of;
using gateway::text_of;

constexpr std::size_t longest_id = 256;

/// Of an item or response; of one beyond reason, nothing.
std::string id_of(const json& e, const char* key, const std::string& otherwise = "") {
  auto id = text_of(e, key, otherwise);
  return id.size() <= longest_id ? id : "";
}

/// Complaints about what is over anyway.
bool is_soft(const std::string& code) {
  return code == "response_cancel_not_active" || code == "item_truncate_invalid_item_id" ||
         code == "input_audio_buffer_commit_empty";
}

bool is_final(const std::string& code) {
  return code == "invalid_api_key" || code == "insufficient_quota" || code == "model_not_found" ||
         code == "account_deactivated";
}

std::int64_t count_of(const json& e, const char* key) {
  return static_cast<std::int64_t>(number_of(e, key, 0, 0, 1e12));
}

}  // namespace

gateway::sound_format realtime::format() const {
  return {gateway::sound_format::coding::pcm16, is_duplex_ ? 16'000 : 24'000};
}

place realtime::where(const std::string& base, const std::string& key) const {
  place out;
  const auto query = (is_duplex_ ? "duplex=1&autostart=0&model=" : "model=") + settings_.model;
  out.url = address(base, "/v1/realtime", query);
  if (!key.empty()) out.headers = {{"Authorization", "Bearer " + key}};
  out.subprotocol = "realtime";
  return out;
}

void realtime::begin(std::int64_t, output& out) {
  is_configured_ = in_response_ = wants_answer_ = false;
  if (!is_duplex_) return;  // the server speaks first
  asked_again_ = !resume_token_.empty();
  if (asked_again_)
    return out.send({{"type", "session.resume"},
                     {"session_id", resume_session_},
                     {"resume_token", resume_token_},
                     {"last_server_event_seq", seen_}});
  configure(out);
}

void realtime::lost() {
  // A token that was refused is of no more use.
  if (asked_again_ && !is_ready_) resume_token_.clear();
  asked_again_ = false;  // a connection that does not come about says nothing of it
  machine::lost();
  response_.clear();
  item_.clear();
}

void realtime::configure(output& out) {
  if (std::exchange(is_configured_, true)) return;
  json session = {{"tools", json::array({function()})}, {"tool_choice", "auto"}};
  if (!settings_.instructions.empty()) session["instructions"] = settings_.instructions;
  if (is_duplex_) {
    session["modalities"] = json::array({"audio", "text"});
    session["input_audio_format"] = "pcm16";
    session["sample_rate_hz"] = 16'000;
    session["audio"] = {{"input", {{"sample_rate_hz", 16'000}}},
                        {"output", {{"sample_rate_hz", 16'000}}}};
  } else {
    const json pcm = {{"type", "audio/pcm"}, {"rate", 24'000}};
    session["type"] = "realtime";
    session["output_modalities"] = json::array({"audio"});
    session["audio"] = {{"input",
                         {{"format", pcm},
                          {"transcription", {{"model", "whisper-1"}}},
                          {"turn_detection",
                           {{"type", "semantic_vad"},
                            {"eagerness", "high"},
                            {"create_response", true},
                            {"interrupt_response", true}}}}},
                        {"output", {{"format", pcm}}}};
    if (!settings_.voice.empty()) session["audio"]["output"]["voice"] = settings_.voice;
  }
  out.send({{"type", "session.update"}, {"session", std::move(session)}});
}

// --- what the server says -------------------------------------------------------------------------

void realtime::take(const json& e, std::int64_t now_ms, output& out) {
  const auto type = text_of(e, "type");
  seen_ = std::max(seen_, count_of(e, "server_event_seq"));
  if (type == "session.created") seen_ = count_of(e, "server_event_seq");  // each counts for itself
  if (type == "session.created" || type == "session.resumed") {
    const auto& session = member(e, "session");
    if (auto token = text_of(e, "resume_token"); !token.empty()) {
      resume_token_ = std::move(token);
      resume_session_ = text_of(e, "session_id", text_of(session, "id"));
    }
    if (type == "session.resumed") {
      is_configured_ = true;
      return listens(true, out);
    }
    return configure(out);
  }
  if (type == "session.updated") {
    listens(false, out);
  } else if (type == "input_audio_buffer.speech_started") {
    out.add(barge_in{});
  } else if (type == "response.created") {
    response_ = id_of(member(e, "response"), "id", text_of(e, "response_id"));
    in_response_ = true;
  } else if (type == "response.output_item.added") {
    const auto& item = member(e, "item");
    if (text_of(item, "type") == "message") item_ = id_of(item, "id");
  } else if (type == "response.output_audio.delta" || type == "response.audio.delta") {
    const auto of = text_of(e, "response_id");
    // What follows an interruption belongs to an answer that nobody hears.
    if (!cut_response_.empty() && of == cut_response_) return out.add(odd{"late_sound"});
    if (auto samples = decoded(member(e, "delta"), format(), out); samples && !samples->empty())
      out.add(sound{std::move(*samples), id_of(e, "item_id", item_)});
  } else if (type == "response.function_call_arguments.done") {
    called(text_of(e, "call_id"), text_of(e, "name"), text_of(e, "arguments"), out);
  } else if (type == "response.output_item.done") {
    take_item(member(e, "item"), out);
  } else if (type == "response.done") {
    response_done(e, out);
  } else if (type == "error") {
    take_error(member(e, "error"), out);
  } else if (type == "session.expired" || type == "session.closed" || type == "session.replaced") {
    resume_token_.clear();
    out.add(goodbye{type});
  } else if (type == "session.resync_required") {
    resume_token_.clear();
    out.add(goodbye{"the server has forgotten the conversation"});
  } else {
    take_words(type, e, out);
  }
  if (const auto at = count_of(member(e, "session"), "expires_at"); at > 0 && expires_ms_ == 0)
    expires_ms_ = now_ms;  // the wall clock is not ours: only the closing tells
}

void realtime::take_words(const std::string& type, const json& e, output& out) {
  const auto delta = text_of(e, "delta");
  if (type == "response.output_audio_transcript.delta" ||
      type == "response.audio_transcript.delta" || type == "response.output_text.delta" ||
      type == "response.text.delta") {
    if (!cut_response_.empty() && text_of(e, "response_id") == cut_response_) return;
    if (!delta.empty()) out.add(said{delta});
  } else if (type == "conversation.item.input_audio_transcription.delta") {
    transcribed_item_ = id_of(e, "item_id");
    if (!delta.empty()) out.add(heard{delta});
  } else if (type == "conversation.item.input_audio_transcription.completed") {
    const bool came_in_pieces =
        !transcribed_item_.empty() && transcribed_item_ == text_of(e, "item_id");
    out.add(heard{came_in_pieces ? "" : text_of(e, "transcript"), true});
  } else if (type.empty()) {
    out.add(odd{"bad_messages"});
  }
}

void realtime::take_item(const json& item, output& out) {
  if (text_of(item, "type") != "function_call") return;
  called(text_of(item, "call_id"), text_of(item, "name"), text_of(item, "arguments"), out);
}

void realtime::response_done(const json& e, output& out) {
  const auto& response = member(e, "response");
  for (const auto& item : member(response, "output")) take_item(item, out);
  const auto& usage = member(response, "usage");
  if (usage.is_object())
    out.add(cost{0, count_of(usage, "input_tokens"), count_of(usage, "output_tokens")});
  if (text_of(response, "status") == "failed") {
    const auto& why = member(member(response, "status_details"), "error");
    out.add(trouble{text_of(why, "code", "response_failed"),
                    text_of(why, "message", "the answer failed")});
  }
  in_response_ = false;
  out.add(answered{});
  if (std::exchange(wants_answer_, false)) ask_for_answer(out);
}

void realtime::take_error(const json& e, output& out) {
  const auto code = text_of(e, "code", text_of(e, "type", "error"));
  if (is_soft(code)) return;
  if (code == "conversation_already_has_active_response") {  // ours comes after that, as any other
    wants_answer_ = true;
    return;
  }
  if (asked_again_ && !is_ready_) return out.add(goodbye{code});  // a new conversation, then
  if (code == "session_expired") return out.add(goodbye{code});
  out.add(trouble{code, text_of(e, "message"), is_final(code)});
}

// --- what it is told ------------------------------------------------------------------------------

void realtime::hear(std::span<const float> samples, output& out) {
  if (!is_ready_) return;
  const auto bytes = writer_.write(samples, format());
  if (!bytes || bytes->empty()) return;
  json e = {{"type", "input_audio_buffer.append"}, {"audio", gateway::encode_base64(*bytes)}};
  if (is_duplex_) {
    const auto ms = static_cast<std::int64_t>(samples.size()) * 1000 / rate_hz;
    heard_ms_ += ms;
    e.update({{"format", "pcm16"},
              {"sample_rate_hz", 16'000},
              {"duration_ms", ms},
              {"audio_end_ms", heard_ms_}});
  }
  out.send(e);
}

void realtime::type(const std::string& text, output& out) {
  if (!is_ready_) return;
  const json part = {{"type", "input_text"}, {"text", text}};
  out.send({{"type", "conversation.item.create"},
            {"item", {{"type", "message"}, {"role", "user"}, {"content", json::array({part})}}}});
  ask_for_answer(out);
}

/// A second response beside one that is under way is refused: it comes after that.
void realtime::ask_for_answer(output& out) {
  if (in_response_) {
    wants_answer_ = true;
    return;
  }
  out.send({{"type", "response.create"}});
}

void realtime::send_result(const std::string& id, const std::string& text, output& out) {
  out.send({{"type", "conversation.item.create"},
            {"item", {{"type", "function_call_output"}, {"call_id", id}, {"output", text}}}});
  ask_for_answer(out);
}

void realtime::send_as_words(const std::string& text, output& out) {
  const json part = {{"type", "input_text"}, {"text", text}};
  out.send({{"type", "conversation.item.create"},
            {"item", {{"type", "message"}, {"role", "system"}, {"content", json::array({part})}}}});
  ask_for_answer(out);
}

void realtime::cut(const std::string& item, std::int64_t heard_ms, output& out) {
  cut_response_ = response_;
  if (in_response_) out.send({{"type", "response.cancel"}});
  if (item.empty() || !is_ready_) return;
  out.send({{"type", "conversation.item.truncate"},
            {"item_id", item},
            {"content_index", 0},
            {"audio_end_ms", heard_ms}});
}

/// vLLM's dialect commits to its history what was played, and waits for these.
void realtime::played(const std::string& item, std::int64_t heard_ms, output& out) {
  if (!is_duplex_ || !is_ready_ || item.empty()) return;
  if (item == played_item_ && heard_ms == played_ms_) return;
  played_item_ = item;
  played_ms_ = heard_ms;
  out.send({{"type", "playback.ack"},
            {"item_id", item},
            {"played_ms", heard_ms},
            {"committed_ms", heard_ms}});
}

void realtime::advance(std::int64_t now_ms, output& out) {
  if (!is_duplex_ || !is_ready_ || now_ms - acked_ms_ < 1'000) return;
  acked_ms_ = now_ms;
  out.send({{"type", "session.event_ack"}, {"server_event_seq", seen_}});
}

void realtime::end(output& out) {
  if (is_duplex_ && is_ready_) out.send({{"type", "session.close"}});
}

}  // namespace hocket::remote
