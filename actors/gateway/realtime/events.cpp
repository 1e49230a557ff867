#include "actors/gateway/realtime/events.hpp"

#include <fmt/format.h>

namespace hocket::gateway::realtime {

void event_writer::send(const char* type, json fields) {
  fields["type"] = type;
  fields["event_id"] = fmt::format("event_{}", ++counter_);
  to_.push_back(line_of(fields));
}

void event_writer::with_session(const char* type, const json& session) {
  send(type, {{"session", session}});
}

void event_writer::with_response(const char* type, const json& response) {
  send(type, {{"response", response}});
}

void event_writer::at_place(const char* type, const place& at, const char* key, json value) {
  json fields = {{"response_id", at.response_id},
                 {"item_id", at.item_id},
                 {"output_index", at.output_index},
                 {"content_index", at.content_index}};
  if (key != nullptr) fields[key] = std::move(value);
  send(type, std::move(fields));
}

void event_writer::speech_started(const std::string& item, std::int64_t at_ms) {
  send("input_audio_buffer.speech_started", {{"item_id", item}, {"audio_start_ms", at_ms}});
}
void event_writer::speech_stopped(const std::string& item, std::int64_t at_ms) {
  send("input_audio_buffer.speech_stopped", {{"item_id", item}, {"audio_end_ms", at_ms}});
}
void event_writer::committed(const std::string& item, const json& previous) {
  send("input_audio_buffer.committed", {{"item_id", item}, {"previous_item_id", previous}});
}
void event_writer::cleared() { send("input_audio_buffer.cleared", json::object()); }
void event_writer::timeout_triggered(const std::string& item, std::int64_t from_ms,
                                     std::int64_t to_ms) {
  send("input_audio_buffer.timeout_triggered",
       {{"item_id", item}, {"audio_start_ms", from_ms}, {"audio_end_ms", to_ms}});
}

void event_writer::item_added(const json& item, const json& previous) {
  send("conversation.item.added", {{"item", item}, {"previous_item_id", previous}});
}
void event_writer::item_done(const json& item, const json& previous) {
  send("conversation.item.done", {{"item", item}, {"previous_item_id", previous}});
}
void event_writer::item_retrieved(const json& item) {
  send("conversation.item.retrieved", {{"item", item}});
}
void event_writer::item_deleted(const std::string& item) {
  send("conversation.item.deleted", {{"item_id", item}});
}
void event_writer::item_truncated(const std::string& item, int content_index,
                                  std::int64_t audio_end_ms) {
  send("conversation.item.truncated",
       {{"item_id", item}, {"content_index", content_index}, {"audio_end_ms", audio_end_ms}});
}
void event_writer::transcription_delta(const std::string& item, const std::string& delta) {
  send("conversation.item.input_audio_transcription.delta",
       {{"item_id", item}, {"content_index", 0}, {"delta", delta}});
}
void event_writer::transcription_completed(const std::string& item, const std::string& text,
                                           double seconds) {
  send("conversation.item.input_audio_transcription.completed",
       {{"item_id", item},
        {"content_index", 0},
        {"transcript", text},
        {"usage", {{"type", "duration"}, {"seconds", seconds}}}});
}

void event_writer::output_item_added(const place& at, const json& item) {
  send("response.output_item.added",
       {{"response_id", at.response_id}, {"output_index", at.output_index}, {"item", item}});
}
void event_writer::output_item_done(const place& at, const json& item) {
  send("response.output_item.done",
       {{"response_id", at.response_id}, {"output_index", at.output_index}, {"item", item}});
}
void event_writer::content_part_added(const place& at, const json& part) {
  at_place("response.content_part.added", at, "part", part);
}
void event_writer::content_part_done(const place& at, const json& part) {
  at_place("response.content_part.done", at, "part", part);
}

// The only one that comes often: written by hand. Ids are ours, base64 needs no escapes.
void event_writer::audio_delta(const place& at, std::string_view bytes) {
  to_.push_back(fmt::format(
      R"({{"type":"response.output_audio.delta","event_id":"event_{}","response_id":"{}","item_id":"{}",)"
      R"("output_index":{},"content_index":{},"delta":"{}"}})",
      ++counter_, at.response_id, at.item_id, at.output_index, at.content_index,
      encode_base64(bytes)));
}
void event_writer::audio_done(const place& at) {
  at_place("response.output_audio.done", at, nullptr, {});
}
void event_writer::transcript_delta(const place& at, const std::string& delta) {
  at_place("response.output_audio_transcript.delta", at, "delta", delta);
}
void event_writer::transcript_done(const place& at, const std::string& text) {
  at_place("response.output_audio_transcript.done", at, "transcript", text);
}
void event_writer::text_delta(const place& at, const std::string& delta) {
  at_place("response.output_text.delta", at, "delta", delta);
}
void event_writer::text_done(const place& at, const std::string& text) {
  at_place("response.output_text.done", at, "text", text);
}

void event_writer::arguments_delta(const place& at, const std::string& call_id,
                                   const std::string& delta) {
  send("response.function_call_arguments.delta", {{"response_id", at.response_id},
                                                  {"item_id", at.item_id},
                                                  {"output_index", at.output_index},
                                                  {"call_id", call_id},
                                                  {"delta", delta}});
}
void event_writer::arguments_done(const place& at, const std::string& call_id,
                                  const std::string& name, const std::string& arguments) {
  send("response.function_call_arguments.done", {{"response_id", at.response_id},
                                                 {"item_id", at.item_id},
                                                 {"output_index", at.output_index},
                                                 {"call_id", call_id},
                                                 {"name", name},
                                                 {"arguments", arguments}});
}
void event_writer::audio_started(const std::string& response_id) {
  send("output_audio_buffer.started", {{"response_id", response_id}});
}
void event_writer::audio_stopped(const std::string& response_id) {
  send("output_audio_buffer.stopped", {{"response_id", response_id}});
}
void event_writer::audio_cleared(const std::string& response_id) {
  send("output_audio_buffer.cleared", {{"response_id", response_id}});
}

void event_writer::error(const problem& p, const json& event_id, const char* type) {
  send("error", {{"error",
                  {{"type", type},
                   {"code", p.code.empty() ? json() : json(p.code)},
                   {"message", p.message},
                   {"param", p.param.empty() ? json() : json(p.param)},
                   {"event_id", event_id.is_string() ? event_id : json()}}}});
}

}  // namespace hocket::gateway::realtime
