#include "actors/interaction/remote/own.hpp"

namespace hocket::remote {
namespace {

using gateway::member;
using gateway::number_of;
using gateway::text_of;

constexpr gateway::sound_format format{gateway::sound_format::coding::pcm16, rate_hz};
constexpr std::int64_t longest_voice_ms = 2'000;  ///< of one event; a micro-turn has 200

std::int64_t time_of(const json& e, const char* key, std::int64_t otherwise) {
  return static_cast<std::int64_t>(number_of(e, key, static_cast<double>(otherwise), 0, 1e12));
}

}  // namespace

place own::where(const std::string& base, const std::string& key) const {
  place out;
  out.url = address(base, "/v1/hocket");
  if (!key.empty()) out.headers = {{"Authorization", "Bearer " + key}};
  return out;
}

json own::start() const {
  json out = {
      {"type", "start"}, {"sound", {{"rate_hz", rate_hz}}}, {"tools", json::array({function()})}};
  if (!settings_.instructions.empty()) out["instructions"] = settings_.instructions;
  return out;
}

void own::begin(std::int64_t, output& out) {
  auto e = start();
  if (!resume_key_.empty()) e["resume"] = {{"key", resume_key_}, {"after", seen_}};
  out.send(e);
}

void own::take(const json& e, std::int64_t, output& out) {
  const auto type = text_of(e, "type");
  const auto seq = time_of(e, "seq", 0);
  if (type == "hello") {
    const bool again = member(e, "resumed") == true;
    resume_key_ = text_of(e, "resume");
    if (!again) seen_ = seq;
    voice_end_ms_ = -1;
    return listens(again, out);
  }
  // What comes again after a broken connection was taken before it.
  if (seq > 0 && seq <= seen_ && type != "error") return out.add(odd{"repeated"});
  if (seq > 0) seen_ = seq;
  if (type == "voice") {
    take_voice(e, out);
  } else if (type == "said") {
    if (auto words = text_of(e, "text"); !words.empty()) out.add(said{std::move(words)});
  } else if (type == "heard") {
    out.add(heard{text_of(e, "text"), member(e, "final") == true});
  } else if (type == "tool") {
    if (member(e, "mine") == true)
      called(text_of(e, "call"), text_of(e, "name"), text_of(e, "arguments"), out);
  } else if (type == "tool.cancelled") {
    over(text_of(e, "call"), out);
  } else if (type == "ending") {
    out.add(expiring{time_of(e, "in_ms", 0)});
  } else if (type == "bye") {
    resume_key_.clear();
    out.add(goodbye{text_of(e, "reason", "bye")});
  } else if (type == "error") {
    const auto code = text_of(e, "code", "error");
    if (code == "cannot_resume") {  // a new conversation, then
      resume_key_.clear();
      seen_ = 0;
      return out.send(start());
    }
    out.add(trouble{code, text_of(e, "message")});
  } else if (type.empty()) {
    out.add(odd{"bad_messages"});
  }
}

void own::take_voice(const json& e, output& out) {
  const auto from = time_of(e, "start_ms", 0), to = time_of(e, "end_ms", 0);
  if (to <= from || to - from > longest_voice_ms) return out.add(odd{"bad_sound"});
  if (from < voice_end_ms_) return out.add(odd{"repeated"});
  voice_end_ms_ = to;
  const auto length = static_cast<std::size_t>((to - from) * rate_hz / 1000);
  auto samples = std::vector<float>(length);
  if (!member(e, "audio").is_null()) {
    auto read = decoded(member(e, "audio"), format, out);
    if (!read) return;
    samples = std::move(*read);
    samples.resize(length);
  }
  out.add(sound{std::move(samples), ""});
}

void own::hear(std::span<const float> samples, output& out) {
  if (!is_ready_) return;
  const auto bytes = writer_.write(samples, format);
  if (bytes && !bytes->empty())
    out.send({{"type", "sound"}, {"audio", gateway::encode_base64(*bytes)}});
}

void own::type(const std::string& text, output& out) {
  if (is_ready_ && !text.empty()) out.send({{"type", "text"}, {"text", text}});
}

void own::send_result(const std::string& id, const std::string& text, output& out) {
  out.send({{"type", "tool.result"}, {"call", id}, {"text", text}});
}

void own::cut(const std::string&, std::int64_t, output& out) {
  if (is_ready_) out.send({{"type", "interrupt"}});
}

void own::end(output& out) {
  if (is_ready_) out.send({{"type", "end"}});
}

}  // namespace hocket::remote
