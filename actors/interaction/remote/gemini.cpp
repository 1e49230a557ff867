#include "actors/interaction/remote/gemini.hpp"

#include <charconv>

#include "actors/gateway/gemini/protobuf_json.hpp"

namespace hocket::remote {
namespace {

using gateway::member;
using gateway::number_of;
using gateway::text_of;

constexpr std::size_t longest_handle = 4096;

/// `audio/pcm;rate=24000`; 24000 where it does not say.
int rate_of(const std::string& mime_type) {
  const auto at = mime_type.find("rate=");
  int rate = 24'000;
  if (at != mime_type.npos)
    std::from_chars(mime_type.data() + at + 5, mime_type.data() + mime_type.size(), rate);
  return rate;
}

/// "9.5s" in ms.
std::int64_t ms_of(const json& time_left) {
  if (time_left.is_number())
    return static_cast<std::int64_t>(std::clamp(time_left.get<double>(), 0.0, 1e6) * 1000);
  double seconds = 0;
  if (time_left.is_string()) {
    const auto& t = time_left.get_ref<const std::string&>();
    std::from_chars(t.data(), t.data() + t.size(), seconds);
  }
  return static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e6) * 1000);
}

}  // namespace

place gemini::where(const std::string& base, const std::string& key) const {
  place out;
  out.url = address(
      base, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent");
  if (!key.empty()) out.headers = {{"x-goog-api-key", key}};
  return out;
}

void gemini::begin(std::int64_t, output& out) {
  json resumption = json::object();
  asked_again_ = !handle_.empty();
  if (asked_again_) resumption["handle"] = handle_;
  json setup = {{"model", "models/" + settings_.model},
                {"generationConfig", {{"responseModalities", json::array({"AUDIO"})}}},
                {"inputAudioTranscription", json::object()},
                {"outputAudioTranscription", json::object()},
                {"sessionResumption", std::move(resumption)}};
  const json property = {{"type", "STRING"}};
  const json parameters = {{"type", "OBJECT"},
                           {"properties", {{"task", property}}},
                           {"required", json::array({"task"})}};
  setup["tools"] = json::array(
      {json{{"functionDeclarations", json::array({json{{"name", settings_.function},
                                                       {"description", settings_.function_summary},
                                                       {"parameters", parameters}}})}}});
  if (!settings_.instructions.empty())
    setup["systemInstruction"] = {{"parts", json::array({json{{"text", settings_.instructions}}})}};
  if (!settings_.voice.empty())
    setup["generationConfig"]["speechConfig"] = {
        {"voiceConfig", {{"prebuiltVoiceConfig", {{"voiceName", settings_.voice}}}}}};
  out.send({{"setup", std::move(setup)}});
}

void gemini::lost() {
  // A handle that was refused is of no more use.
  if (asked_again_ && !is_ready_) handle_.clear();
  asked_again_ = false;  // a connection that does not come about says nothing of it
  machine::lost();
  in_turn_ = is_cut_ = false;
}

void gemini::take(const json& message, std::int64_t, output& out) {
  const auto e = gateway::gemini::in_camel_case(message);
  bool is_known = false;
  const auto has = [&](const char* key) {
    const bool there = e.contains(key);
    is_known = is_known || there;
    return there;
  };
  if (has("setupComplete")) listens(asked_again_, out);
  if (has("serverContent")) take_content(member(e, "serverContent"), out);
  if (has("toolCall"))
    for (const auto& c : member(member(e, "toolCall"), "functionCalls"))
      called(text_of(c, "id"), text_of(c, "name"), gateway::line_of(member(c, "args")), out);
  if (has("toolCallCancellation"))
    for (const auto& id : member(member(e, "toolCallCancellation"), "ids"))
      if (id.is_string()) over(id.get<std::string>(), out);
  if (has("sessionResumptionUpdate")) {
    const auto& update = member(e, "sessionResumptionUpdate");
    const auto handle = text_of(update, "newHandle");
    if (member(update, "resumable") == true && handle.size() <= longest_handle) handle_ = handle;
  }
  if (has("usageMetadata")) {
    // Counted from the begin of the session.
    const auto& u = member(e, "usageMetadata");
    const auto in = static_cast<std::int64_t>(number_of(u, "promptTokenCount", 0, 0, 1e12));
    const auto said = static_cast<std::int64_t>(number_of(u, "responseTokenCount", 0, 0, 1e12));
    out.add(cost{0, std::max<std::int64_t>(0, in - tokens_in_), said});
    tokens_in_ = std::max(tokens_in_, in);
  }
  if (has("goAway")) out.add(expiring{ms_of(member(member(e, "goAway"), "timeLeft"))});
  if (!is_known) out.add(odd{"bad_messages"});
}

void gemini::take_content(const json& content, output& out) {
  if (member(content, "interrupted") == true) {
    is_cut_ = in_turn_ = false;
    out.add(barge_in{});
  }
  for (const auto& part : member(member(content, "modelTurn"), "parts")) {
    if (!std::exchange(in_turn_, true)) ++turn_;
    const auto& blob = member(part, "inlineData");
    if (!blob.is_object()) continue;
    if (is_cut_) {
      out.add(odd{"late_sound"});
      continue;
    }
    const auto rate = rate_of(text_of(blob, "mimeType"));
    if (rate < 8'000 || rate > 48'000) {
      out.add(odd{"bad_sound"});
      continue;
    }
    const gateway::sound_format f{gateway::sound_format::coding::pcm16, rate};
    if (auto samples = decoded(member(blob, "data"), f, out); samples && !samples->empty())
      out.add(sound{std::move(*samples), std::to_string(turn_)});
  }
  if (auto words = text_of(member(content, "outputTranscription"), "text");
      !words.empty() && !is_cut_)
    out.add(said{std::move(words)});
  if (auto words = text_of(member(content, "inputTranscription"), "text"); !words.empty())
    out.add(heard{std::move(words)});
  if (member(content, "turnComplete") == true) {
    in_turn_ = is_cut_ = false;
    out.add(answered{});
  }
}

void gemini::hear(std::span<const float> samples, output& out) {
  if (!is_ready_) return;
  const auto bytes = writer_.write(samples, {gateway::sound_format::coding::pcm16, rate_hz});
  if (bytes && !bytes->empty())
    out.send(
        {{"realtimeInput",
          {{"audio",
            {{"mimeType", "audio/pcm;rate=16000"}, {"data", gateway::encode_base64(*bytes)}}}}}});
}

void gemini::type(const std::string& text, output& out) {
  if (is_ready_) out.send({{"realtimeInput", {{"text", text}}}});
}

void gemini::send_result(const std::string& id, const std::string& text, output& out) {
  out.send({{"toolResponse",
             {{"functionResponses", json::array({json{{"id", id},
                                                      {"name", settings_.function},
                                                      {"response", {{"result", text}}}}})}}}});
}

}  // namespace hocket::remote
