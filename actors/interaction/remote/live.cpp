#include "actors/interaction/remote/live.hpp"

#include "graph/text/clean.hpp"

namespace hocket::remote {
namespace {

using gateway::member;
using gateway::number_of;
using gateway::text_of;

constexpr gateway::sound_format format{gateway::sound_format::coding::pcm16, 16'000};
constexpr std::size_t longest_note = 1'900;  // the protocol says 500 tokens
constexpr std::size_t newest_words = 300;

}  // namespace

place live::where(const std::string& base, const std::string& key) const {
  place out;
  out.url = address(base, "/v1/live/sessions");
  if (!key.empty()) out.headers = {{"Authorization", "Bearer " + key}};
  return out;
}

void live::begin(std::int64_t, output& out) {
  seconds_told_ = 0;
  json session = {{"model", settings_.model},
                  {"audio", {{"format", {{"type", "audio/pcm"}, {"rate", 16'000}}}}},
                  {"delegation", {{"type", "client"}}}};
  if (!settings_.instructions.empty()) session["instructions"] = settings_.instructions;
  if (!settings_.voice.empty()) session["audio"]["output"] = {{"voice", settings_.voice}};
  out.send({{"type", "session.start"}, {"session", std::move(session)}});
}

void live::take(const json& e, std::int64_t, output& out) {
  const auto type = text_of(e, "type");
  if (type == "session.output_audio.delta") {
    if (auto samples = decoded(member(e, "delta"), format, out); samples && !samples->empty())
      out.add(sound{std::move(*samples), ""});
  } else if (type == "session.started") {
    listens(false, out);
  } else if (type == "session.output_transcript.delta") {
    if (auto words = text_of(e, "delta"); !words.empty()) out.add(said{std::move(words)});
  } else if (type == "session.input_transcript.delta") {
    auto words = text_of(e, "delta");
    newest_heard_ += words;
    if (newest_heard_.size() > newest_words) {
      auto from = newest_heard_.size() - newest_words;
      while (from < newest_heard_.size() && (newest_heard_[from] & 0xC0) == 0x80) ++from;
      newest_heard_.erase(0, from);  // not within a character
    }
    if (!words.empty()) out.add(heard{std::move(words)});
  } else if (type == "session.delegation.created") {
    const auto& d = member(e, "delegation");
    const auto id = text_of(d, "id");
    called(id, "", gateway::line_of({{"task", text_of(d, "task", newest_heard_)}}), out);
    newest_heard_.clear();
  } else if (type == "session.usage.updated") {
    const auto seconds = number_of(member(e, "usage"), "seconds", seconds_told_, 0, 1e9);
    if (seconds > seconds_told_) out.add(cost{seconds - seconds_told_, 0, 0});
    seconds_told_ = std::max(seconds_told_, seconds);
  } else if (type == "session.closed") {
    out.add(goodbye{text_of(e, "reason", "closed")});
  } else if (type == "error") {
    const auto& p = member(e, "error");
    const auto code = text_of(p, "code", text_of(p, "type", "error"));
    out.add(trouble{code, text_of(p, "message"), code == "invalid_api_key"});
  } else if (type.empty()) {
    out.add(odd{"bad_messages"});
  }
}

void live::hear(std::span<const float> samples, output& out) {
  if (!is_ready_) return;
  const auto bytes = writer_.write(samples, format);
  if (bytes && !bytes->empty())
    out.send({{"type", "session.input_audio.append"}, {"audio", gateway::encode_base64(*bytes)}});
}

void live::type(const std::string& text, output& out) {
  if (!is_ready_) return;
  out.send({{"type", "response.item.create"},
            {"item",
             {{"type", "message"},
              {"role", "user"},
              {"content", json::array({json{{"type", "input_text"}, {"text", text}}})}}}});
}

void live::send_result(const std::string& id, const std::string& text, output& out) {
  out.send({{"type", "session.commentary.append"},
            {"delegation_id", id},
            {"content", cut_text(text, longest_note)}});
}

void live::send_as_words(const std::string& text, output& out) {
  out.send({{"type", "session.commentary.append"}, {"content", cut_text(text, longest_note)}});
}

void live::end(output& out) {
  if (is_ready_) out.send({{"type", "session.close"}});
}

}  // namespace hocket::remote
