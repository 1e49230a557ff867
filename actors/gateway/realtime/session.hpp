#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/detector.hpp"
#include "actors/gateway/json.hpp"
#include "actors/gateway/sound.hpp"

namespace hocket::gateway::realtime {

/// How user turns are found. The model itself needs none: these are what clients are told.
struct turn_detection {
  enum class kind : std::uint8_t { none, server_vad, semantic_vad };
  kind of = kind::server_vad;
  speech_detector::settings detector;
  bool creates_response = true;     ///< the model may speak by itself
  bool interrupts_response = true;  ///< speech ends what it says
  int idle_timeout_ms = 0;          ///< 0: none
};

struct problem {
  std::string code;     ///< invalid_value, …
  std::string message;  ///< a sentence
  std::string param;    ///< "session.audio.input.format.type"; empty: none
};

/// The session object: what is echoed, and what follows from it.
class session {
 public:
  session(std::string id, std::string model, std::int64_t expires_at_s);

  /// A client's `session`: merged deep into what is there, but a `format`, and a `turn_detection`
  /// whose type changes, are replaced; null clears. All of it or, with a problem, nothing.
  std::optional<problem> update(const json& changes);

  const json& object() const { return object_; }
  const sound_format& format_in() const { return in_; }
  const sound_format& format_out() const { return out_; }
  const turn_detection& turns() const { return turns_; }
  bool has_audio() const { return has_audio_; }
  bool transcribes() const { return transcribes_; }
  /// It hears and writes down; nothing answers.
  bool is_transcription() const { return object_.at("type") == "transcription"; }
  std::string instructions() const { return text_of(object_, "instructions"); }
  const json& tools() const { return object_.at("tools"); }

 private:
  std::optional<problem> derive(json object);

  json object_;
  sound_format in_, out_;
  turn_detection turns_;
  bool has_audio_ = true, transcribes_ = false;
};

/// `["audio"]`, `["text"]`, `["audio", "text"]`; else a problem. True: with sound.
std::optional<problem> read_modalities(const json& value, const std::string& param,
                                       bool& has_audio);
/// Functions, each with a name that no other has. Others than functions (mcp) are refused.
std::optional<problem> check_tools(const json& tools, const std::string& param);

}  // namespace hocket::gateway::realtime
