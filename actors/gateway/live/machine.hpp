#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/live/session.hpp"
#include "actors/gateway/protocol.hpp"

namespace hocket::gateway::live {

struct settings {
  std::string session_id = "live_1";
  std::int64_t expires_at_s = 0;  ///< since 1970, as clients are told
  int usage_every_ms = 30'000;
  bool has_track = false;  ///< sound comes and goes beside the messages (WebRTC)
  json session;            ///< agreed on when a call was set up; null: `session.start` brings it
  std::string resume_key;  ///< with what another call goes on; empty: none can
};

/// OpenAI Live (full duplex with delegation), the server's side.
///
/// The protocol that fits the model: sound runs both ways all the time on one clock, silence is zeros, a
/// micro-turn is one `session.output_audio.delta`. There are no turns, no commit and no cancel. Over a call
/// sound goes beside the messages, and the session is agreed on before.
class machine final : public protocol {
 public:
  explicit machine(settings s) : settings_(std::move(s)), resume_key_(settings_.resume_key) {}

  /// Over a WebSocket the client speaks first.
  void begin(std::int64_t now_ms, output& out) override;
  void join(std::int64_t now_ms, output& out) override;
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void hear(std::vector<float> samples, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) override;
  void let_go(std::string_view reason, std::int64_t now_ms, output& out) override;
  std::string resume_key() const override { return session_ && !closed_ ? resume_key_ : ""; }
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;

 private:
  struct step {
    std::int64_t now_ms;
    output& out;
  };
  using handler = void (machine::*)(const json&, step&);

  static handler handler_of(const std::string& type);
  void session_start(const json& e, step& s);
  void session_update(const json& e, step& s);
  void session_close(const json& e, step& s);
  void audio_append(const json& e, step& s);
  void audio_mute(const json& e, step& s);
  void audio_unmute(const json& e, step& s);
  void append_note(const json& e, step& s);
  void item_create(const json& e, step& s);
  void response_create(const json& e, step& s);

  std::optional<problem> start(const json& asked, const json& client_event, step& s);
  void announce_tools(step& s);
  void on_model(const model_state& m, step& s);
  void on_voice(const voice& v, step& s);
  void on_said(const said& w, step& s);
  void tell_words(step& s);
  void on_delegated(const delegated& d, step& s);
  void on_tool_call(const tool_call& c, step& s);
  void response_event(const json& event, step& s);
  void close(const char* reason, const json& client_event_id, step& s);
  json usage(std::int64_t now_ms) const;

  /// Writes an event; `answers` is the client's whose event id it carries.
  void send(const char* type, json fields, step& s, const json& answers = json());
  void fail_with(const json& e, const problem& p, step& s);
  /// The server's own fault, not the client's.
  void tell_lack(const char* code, std::string message, step& s);

  const settings settings_;
  std::optional<json> session_;  ///< as it is echoed; none before session.start
  sound_format format_;
  sound_reader reader_{inner_rate_hz};
  sound_writer writer_{inner_rate_hz};
  std::string odd_byte_;
  std::vector<said> words_;  ///< whose sound has not left
  std::uint64_t event_count_ = 0, response_count_ = 0;
  std::int64_t started_ms_ = 0, out_ms_ = 0, usage_told_ms_ = 0;
  bool muted_ = false, closed_ = false;
  std::string resume_key_;
  std::string lack_;           ///< why nothing answers now; empty: something does
  std::string delegation_id_;  ///< the one that calls of tools belong to
};

}  // namespace hocket::gateway::live
