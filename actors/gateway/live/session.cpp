#include "actors/gateway/live/session.hpp"

namespace hocket::gateway::live {
namespace {

std::optional<problem> read_format(const json& asked, sound_format& out) {
  const auto type = text_of(asked, "type", "audio/pcm");
  const auto& rate = member(asked, "rate");
  if (type == "audio/pcm" && (rate.is_null() || rate == 24000 || rate == 16000))
    out = {sound_format::coding::pcm16, rate == 16000 ? 16'000 : 24'000};
  else if ((type == "audio/pcmu" || type == "audio/pcma") && (rate.is_null() || rate == 8000))
    out = {type == "audio/pcmu" ? sound_format::coding::mulaw : sound_format::coding::alaw, 8'000};
  else
    return problem{"invalid_value",
                   "formats are audio/pcm at 16000 or 24000, audio/pcmu and audio/pcma at 8000",
                   "session.audio.format"};
  return std::nullopt;
}

/// What keeps a browser from saying or seeing something is not left out in silence.
std::optional<problem> check_data_channel(const json& asked) {
  const auto& channel = member(member(asked, "client"), "data_channel");
  for (const char* key : {"allowed_client_events", "allowed_server_events"})
    if (const auto& allowed = member(channel, key); !allowed.is_null() && allowed != "all")
      return problem{"not_served", "the data channel is not restricted here: it carries all events",
                     std::string("session.client.data_channel.") + key};
  return std::nullopt;
}

std::string words_of(const json& item) {
  std::string out = text_of(item, "content");
  for (const auto& part : member(item, "content"))
    if (part.is_object()) out += text_of(part, "text");
  return out;
}

}  // namespace

std::optional<problem> check_delegation(const json& asked) {
  if (asked.is_null()) return std::nullopt;
  const auto type = text_of(asked, "type");
  if (type != "client" && type != "responses")
    return problem{"invalid_value", "delegation is client or responses here",
                   "session.delegation.type"};
  const auto& tools = member(member(asked, "responses"), "tools");
  if (!tools.is_null() && !tools.is_array())
    return problem{"invalid_value", "tools is a list", "session.delegation.responses.tools"};
  return std::nullopt;
}

std::optional<problem> read_session(const json& asked, bool has_track, agreed& out) {
  if (!asked.is_object()) return problem{"invalid_value", "session is an object", "session"};
  if (size_of(asked) > most_session_bytes)
    return problem{"invalid_value", "the session is larger than 512 KiB", "session"};
  const auto model = text_of(asked, "model");
  if (model.empty())
    return problem{"missing_parameter", "session.model is required", "session.model"};
  const auto& audio = member(asked, "audio");
  agreed read;
  if (!has_track)
    if (auto p = read_format(member(audio, "format"), read.format)) return p;
  const auto& instructions = member(asked, "instructions");
  if (!instructions.is_null() && !instructions.is_string())
    return problem{"invalid_value", "instructions is a text", "session.instructions"};
  const auto& delegation = member(asked, "delegation");
  if (auto p = check_delegation(delegation)) return p;
  if (auto p = check_data_channel(asked)) return p;
  json sound = {{"output", {{"voice", text_of(member(audio, "output"), "voice", "hocket")}}}};
  if (!has_track) {
    const auto type = text_of(member(audio, "format"), "type", "audio/pcm");
    sound["format"] = {{"type", type}, {"rate", read.format.rate_hz}};
  }
  read.session = {{"model", model},
                  {"status", "active"},
                  {"audio", std::move(sound)},
                  {"instructions", instructions},
                  {"delegation", delegation},
                  {"store", false}};
  for (const auto& item : member(asked, "input"))
    if (auto words = words_of(item); !words.empty())
      read.history.emplace_back(text_of(item, "role", "user"), std::move(words));
  out = std::move(read);
  return std::nullopt;
}

}  // namespace hocket::gateway::live
