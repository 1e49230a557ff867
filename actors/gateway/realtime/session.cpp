#include "actors/gateway/realtime/session.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace hocket::gateway::realtime {
namespace {

constexpr std::size_t most_instructions_bytes = 128 * 1024;
constexpr std::size_t most_tools = 128;
constexpr std::size_t most_object_bytes = 512 * 1024;

json default_object(const std::string& id, const std::string& model, std::int64_t expires_at_s) {
  return {
      {"id", id},
      {"object", "realtime.session"},
      {"type", "realtime"},
      {"model", model},
      {"output_modalities", json::array({"audio"})},
      {"instructions", ""},
      {"tools", json::array()},
      {"tool_choice", "auto"},
      {"parallel_tool_calls", true},
      {"max_output_tokens", "inf"},
      {"truncation", "auto"},
      {"tracing", nullptr},
      {"include", nullptr},
      {"prompt", nullptr},
      {"reasoning", nullptr},
      {"expires_at", expires_at_s},
      // What a duplex model does not follow is told, not dropped: other servers have no such field.
      {"hocket",
       {{"instructions", "read by the background, not by the voice"},
        {"voice", "one voice: kept, not followed"},
        {"speed", "kept, not followed"},
        {"max_output_tokens", "kept, not followed"}}},
      {"audio",
       {{"input",
         {{"format", {{"type", "audio/pcm"}, {"rate", 24000}}},
          {"noise_reduction", nullptr},
          {"transcription", nullptr},
          {"turn_detection", nullptr}}},
        {"output",
         {{"format", {{"type", "audio/pcm"}, {"rate", 24000}}},
          {"voice", "hocket"},
          {"speed", 1.0}}}}}};
}

problem invalid(const std::string& param, const std::string& why) {
  return {"invalid_value", why, param};
}

std::optional<problem> read_format(json& format, const std::string& param, sound_format& out) {
  if (format.is_string()) format = {{"type", format}};  // the beta's spelling of the same
  const auto type = text_of(format, "type");
  if (type == "audio/pcm" || type == "pcm16") {
    const auto& rate = member(format, "rate");
    if (!rate.is_null() && rate != 24000)
      return invalid(param + ".rate", "audio/pcm has a rate of 24000");
    format = {{"type", "audio/pcm"}, {"rate", 24000}};
    out = {sound_format::coding::pcm16, 24'000};
  } else if (type == "audio/pcmu" || type == "g711_ulaw") {
    format = {{"type", "audio/pcmu"}};
    out = {sound_format::coding::mulaw, 8'000};
  } else if (type == "audio/pcma" || type == "g711_alaw") {
    format = {{"type", "audio/pcma"}};
    out = {sound_format::coding::alaw, 8'000};
  } else {
    return invalid(param + ".type", "supported formats are audio/pcm, audio/pcmu and audio/pcma");
  }
  return std::nullopt;
}

bool flag(const json& in, std::string_view key, bool otherwise) {
  const auto& value = member(in, key);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

/// Fills in what was left out, so that the echo has every field.
std::optional<problem> read_turns(json& object, const std::string& param, turn_detection& out) {
  out = {};
  if (object.is_null()) {
    out.of = turn_detection::kind::none;
    out.creates_response = out.interrupts_response = false;
    return std::nullopt;
  }
  const auto type = text_of(object, "type");
  out.creates_response = flag(object, "create_response", true);
  out.interrupts_response = flag(object, "interrupt_response", true);
  if (type == "server_vad") {
    auto& d = out.detector;
    d.threshold = number_of(object, "threshold", 0.5, 0, 1);
    d.prefix_ms = static_cast<int>(number_of(object, "prefix_padding_ms", 300, 0, 5'000));
    d.silence_ms = static_cast<int>(number_of(object, "silence_duration_ms", 500, 60, 10'000));
    out.idle_timeout_ms = static_cast<int>(number_of(object, "idle_timeout_ms", 0, 0, 600'000));
    object = {{"type", "server_vad"},
              {"threshold", d.threshold},
              {"prefix_padding_ms", d.prefix_ms},
              {"silence_duration_ms", d.silence_ms},
              {"idle_timeout_ms", out.idle_timeout_ms > 0 ? json(out.idle_timeout_ms) : json()},
              {"create_response", out.creates_response},
              {"interrupt_response", out.interrupts_response}};
  } else if (type == "semantic_vad") {
    out.of = turn_detection::kind::semantic_vad;
    auto eagerness = text_of(object, "eagerness", "auto");
    if (eagerness != "low" && eagerness != "medium" && eagerness != "high" && eagerness != "auto")
      return invalid(param + ".eagerness", "eagerness is low, medium, high or auto");
    out.detector.silence_ms = eagerness == "low" ? 900 : eagerness == "high" ? 300 : 500;
    object = {{"type", "semantic_vad"},
              {"eagerness", std::move(eagerness)},
              {"create_response", out.creates_response},
              {"interrupt_response", out.interrupts_response}};
  } else {
    return invalid(param + ".type", "turn_detection is null, server_vad or semantic_vad");
  }
  return std::nullopt;
}

void merge(json& into, const json& changes);

/// The two exceptions from merging: a `format`, and a `turn_detection` of another type.
bool is_replaced(const std::string& key, const json& before, const json& after) {
  if (key == "format") return true;
  return key == "turn_detection" && after.contains("type") &&
         text_of(after, "type") != text_of(before, "type");
}

void merge(json& into, const json& changes) {
  for (const auto& [key, value] : changes.items()) {
    auto& here = into[key];
    if (value.is_object() && here.is_object() && !is_replaced(key, here, value))
      merge(here, value);
    else
      here = value;
  }
}

/// Fields that a client may set; what else it sends is not kept.
json only_known(const json& changes) {
  static const std::set<std::string> known = {
      "output_modalities", "instructions", "tools",   "tool_choice", "parallel_tool_calls",
      "max_output_tokens", "truncation",   "tracing", "include",     "prompt",
      "reasoning",         "audio"};
  json out = json::object();
  for (const auto& [key, value] : changes.items())
    if (known.count(key) > 0) out[key] = value;
  return out;
}

/// What null clears to.
void fill_cleared(json& object, const json& defaults) {
  for (const auto& [key, value] : defaults.items()) {
    auto& here = object[key];
    if (here.is_null() && key != "turn_detection") here = value;
    if (value.is_object() && here.is_object() && key != "format") fill_cleared(here, value);
  }
}

void drop_unknown(json& object, std::initializer_list<const char*> known) {
  for (auto i = object.begin(); i != object.end();)
    if (std::find(known.begin(), known.end(), i.key()) == known.end())
      i = object.erase(i);
    else
      ++i;
}

}  // namespace

std::optional<problem> read_modalities(const json& value, const std::string& param,
                                       bool& has_audio) {
  bool audio = false, text = false, other = !value.is_array();
  if (value.is_array())
    for (const auto& m : value) {
      if (m == "audio")
        audio = true;
      else if (m == "text")
        text = true;
      else
        other = true;
    }
  if (other || (!audio && !text))
    return invalid(param, "output_modalities are [\"audio\"] or [\"text\"]");
  has_audio = audio;
  return std::nullopt;
}

std::optional<problem> check_tools(const json& tools, const std::string& param) {
  if (!tools.is_array() || tools.size() > most_tools)
    return invalid(param, fmt::format("tools is a list of at most {}", most_tools));
  std::set<std::string> names;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const auto at = fmt::format("{}[{}]", param, i);
    if (text_of(tools[i], "type", "function") != "function")
      return invalid(at + ".type", "tools are functions here");
    const auto name = text_of(tools[i], "name");
    if (name.empty() || name.size() > 128) return invalid(at + ".name", "a function has a name");
    if (!names.insert(name).second)
      return invalid(at + ".name", fmt::format("two functions are called {}", name));
    const auto& parameters = member(tools[i], "parameters");
    if (!parameters.is_null() && !parameters.is_object())
      return invalid(at + ".parameters", "parameters is a JSON schema");
  }
  return std::nullopt;
}

session::session(std::string id, std::string model, std::int64_t expires_at_s)
    : object_(default_object(id, model, expires_at_s)) {
  object_["audio"]["input"]["turn_detection"] = {{"type", "server_vad"}};
  derive(object_);
}

std::optional<problem> session::update(const json& changes) {
  if (!changes.is_object()) return invalid("session", "session is an object");
  const auto type = text_of(changes, "type", text_of(object_, "type"));
  if (type != "realtime" && type != "transcription")
    return invalid("session.type", "session.type is realtime or transcription");
  auto object = object_;
  object["type"] = type;
  object["object"] =
      type == "transcription" ? "realtime.transcription_session" : "realtime.session";
  merge(object, only_known(changes));
  if (size_of(object) > most_object_bytes) return invalid("session", "the session is too large");
  return derive(std::move(object));
}

std::optional<problem> session::derive(json object) {
  fill_cleared(object, default_object("", "", 0));
  if (!object["audio"].is_object() || !object["audio"]["input"].is_object() ||
      !object["audio"]["output"].is_object())
    return invalid("session.audio", "audio, audio.input and audio.output are objects");
  auto& input = object["audio"]["input"];
  auto& output = object["audio"]["output"];
  drop_unknown(object["audio"], {"input", "output"});
  drop_unknown(input, {"format", "noise_reduction", "transcription", "turn_detection"});
  drop_unknown(output, {"format", "voice", "speed"});
  session next = *this;
  if (auto p = read_format(input["format"], "session.audio.input.format", next.in_)) return p;
  if (auto p = read_format(output["format"], "session.audio.output.format", next.out_)) return p;
  if (auto p =
          read_turns(input["turn_detection"], "session.audio.input.turn_detection", next.turns_))
    return p;
  if (auto p = read_modalities(object["output_modalities"], "session.output_modalities",
                               next.has_audio_))
    return p;
  if (!object["instructions"].is_string() ||
      object["instructions"].get_ref<const std::string&>().size() > most_instructions_bytes)
    return invalid("session.instructions", "instructions is a text of at most 128 KiB");
  if (auto p = check_tools(object["tools"], "session.tools")) return p;
  const auto& most = object["max_output_tokens"];
  if (!(most == "inf" || (most.is_number_integer() && most > 0)))
    return invalid("session.max_output_tokens", "max_output_tokens is a number over 0 or \"inf\"");
  if (!object["parallel_tool_calls"].is_boolean())
    return invalid("session.parallel_tool_calls", "parallel_tool_calls is true or false");
  if (!output["speed"].is_number())
    return invalid("session.audio.output.speed", "speed is a number");
  if (object["type"] == "transcription" && !input["transcription"].is_object())
    input["transcription"] = {{"model", "hocket"}};
  next.transcribes_ = input["transcription"].is_object();
  next.object_ = std::move(object);
  *this = std::move(next);
  return std::nullopt;
}

}  // namespace hocket::gateway::realtime
