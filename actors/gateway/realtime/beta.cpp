#include "actors/gateway/realtime/beta.hpp"

#include <map>

namespace hocket::gateway::realtime {
namespace {

using names = std::map<std::string, const char*, std::less<>>;

/// Takes a member out; null where there is none.
json taken(json& from, const char* key) {
  const auto it = from.find(key);
  if (it == from.end()) return nullptr;
  json out = std::move(*it);
  from.erase(it);
  return out;
}

/// Moves a member, also a null, to where today's names have it.
void move_to(json& from, const char* key, json& to, const char* name) {
  if (from.contains(key)) to[name] = taken(from, key);
}

// --- of the client ---------------------------------------------------------------------------------

/// `["text"]`: written; anything with sound is spoken, and its words come along.
json modalities_of_today(const json& flat) {
  if (!flat.is_array()) return flat;
  for (const auto& one : flat)
    if (one == "audio") return json::array({"audio"});
  return flat;
}

/// A flat session or `response`: what it says of sound stands in `audio` today.
void unflatten(json& object) {
  if (object.contains("modalities"))
    object["output_modalities"] = modalities_of_today(taken(object, "modalities"));
  json input = json::object(), output = json::object();
  move_to(object, "input_audio_format", input, "format");
  move_to(object, "input_audio_transcription", input, "transcription");
  move_to(object, "input_audio_noise_reduction", input, "noise_reduction");
  move_to(object, "turn_detection", input, "turn_detection");
  move_to(object, "output_audio_format", output, "format");
  move_to(object, "voice", output, "voice");
  move_to(object, "speed", output, "speed");
  move_to(object, "max_response_output_tokens", object, "max_output_tokens");
  if (!input.empty()) object["audio"]["input"].update(input);
  if (!output.empty()) object["audio"]["output"].update(output);
  object.erase("temperature");
}

std::string of_client(std::string_view message) {
  auto event = parse_object(message);
  if (!event) return std::string(message);  // the machine says what is wrong with it
  for (const char* key : {"session", "response"})
    if (const auto it = event->find(key); it != event->end() && it->is_object()) {
      // One that has `audio` speaks today's names.
      const auto& audio = member(*it, "audio");
      if (audio.is_null() || (audio.is_object() && audio.empty())) unflatten(*it);
    }
  return line_of(*event);
}

// --- to the client ---------------------------------------------------------------------------------

const names& event_names() {
  static const names all = {
      {"conversation.item.added", "conversation.item.created"},
      {"response.output_audio.delta", "response.audio.delta"},
      {"response.output_audio.done", "response.audio.done"},
      {"response.output_audio_transcript.delta", "response.audio_transcript.delta"},
      {"response.output_audio_transcript.done", "response.audio_transcript.done"},
      {"response.output_text.delta", "response.text.delta"},
      {"response.output_text.done", "response.text.done"},
  };
  return all;
}

void rename_part(json& part) {
  const auto type = text_of(part, "type");
  if (type == "output_audio") part["type"] = "audio";
  if (type == "output_text") part["type"] = "text";
}

void rename_item(json& item) {
  if (const auto content = item.find("content"); content != item.end() && content->is_array())
    for (auto& part : *content)
      if (part.is_object()) rename_part(part);
}

json modalities_of_beta(const json& today) {
  const bool speaks = today.is_array() && !today.empty() && today[0] == "audio";
  return speaks ? json::array({"audio", "text"}) : json::array({"text"});
}

json format_of_beta(const json& format) {
  const auto type = text_of(format, "type");
  return type == "audio/pcmu" ? "g711_ulaw" : type == "audio/pcma" ? "g711_alaw" : "pcm16";
}

void flatten_session(json& session) {
  const auto audio = taken(session, "audio");
  const auto& input = member(audio, "input");
  const auto& output = member(audio, "output");
  session["modalities"] = modalities_of_beta(taken(session, "output_modalities"));
  session["voice"] = member(output, "voice");
  session["speed"] = member(output, "speed");
  session["input_audio_format"] = format_of_beta(member(input, "format"));
  session["output_audio_format"] = format_of_beta(member(output, "format"));
  session["input_audio_transcription"] = member(input, "transcription");
  session["input_audio_noise_reduction"] = member(input, "noise_reduction");
  session["turn_detection"] = member(input, "turn_detection");
  session["max_response_output_tokens"] = taken(session, "max_output_tokens");
  session["temperature"] = 0.8;  // what it was where nobody said otherwise
  session.erase("type");
}

void flatten_response(json& response) {
  const auto output = member(member(response, "audio"), "output");
  response.erase("audio");
  response["modalities"] = modalities_of_beta(taken(response, "output_modalities"));
  response["output_audio_format"] = format_of_beta(member(output, "format"));
  response["voice"] = member(output, "voice");
  response["temperature"] = 0.8;
  if (const auto items = response.find("output"); items != response.end() && items->is_array())
    for (auto& item : *items)
      if (item.is_object()) rename_item(item);
}

/// One event of today's names; none where the beta had nothing for it.
void add_translated(json event, std::vector<std::string>& to) {
  const auto type = text_of(event, "type");
  if (type == "conversation.item.done") return;
  if (const auto it = event_names().find(type); it != event_names().end())
    event["type"] = it->second;
  if (const auto it = event.find("session"); it != event.end()) flatten_session(*it);
  if (const auto it = event.find("response"); it != event.end() && it->is_object())
    flatten_response(*it);
  if (const auto it = event.find("item"); it != event.end() && it->is_object()) rename_item(*it);
  if (const auto it = event.find("part"); it != event.end() && it->is_object()) rename_part(*it);
  to.push_back(line_of(event));
  if (type != "session.created") return;
  to.push_back(line_of({{"type", "conversation.created"},
                        {"event_id", text_of(event, "event_id") + "_conversation"},
                        {"conversation",
                         {{"id", "conv_" + text_of(event["session"], "id")},
                          {"object", "realtime.conversation"}}}}));
}

}  // namespace

void beta::translate(std::size_t before, output& out) const {
  std::vector<std::string> translated(
      std::make_move_iterator(out.messages.begin()),
      std::make_move_iterator(out.messages.begin() + static_cast<std::ptrdiff_t>(before)));
  for (auto i = before; i < out.messages.size(); ++i)
    add_translated(json::parse(out.messages[i]), translated);
  out.messages = std::move(translated);
}

template <class Step>
void beta::step(output& out, const Step& of_inner) {
  const auto before = out.messages.size();
  of_inner();
  translate(before, out);
}

void beta::join(std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->join(now_ms, out); });
}
void beta::begin(std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->begin(now_ms, out); });
}
void beta::receive(std::string_view message, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->receive(of_client(message), now_ms, out); });
}
void beta::hear(std::vector<float> samples, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->hear(std::move(samples), now_ms, out); });
}
void beta::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->on_graph(e, now_ms, out); });
}
void beta::advance(std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->advance(now_ms, out); });
}
void beta::end(std::string_view reason, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->end(reason, now_ms, out); });
}
void beta::break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->break_off(why, code, now_ms, out); });
}
void beta::let_go(std::string_view reason, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->let_go(reason, now_ms, out); });
}
void beta::resume(std::string_view message, const next_line& by, std::int64_t now_ms, output& out) {
  step(out, [&] { inner_->resume(message, by, now_ms, out); });
}

}  // namespace hocket::gateway::realtime
