#pragma once

#include <deque>
#include <optional>
#include <string>

#include "actors/gateway/picture/gate.hpp"
#include "actors/gateway/protocol.hpp"
#include "actors/gateway/sound.hpp"

namespace hocket::gateway::own {

struct settings {
  std::string session_id = "hocket_1";
  std::string resume_key;  ///< hard to guess; empty: nobody can go on with it
  std::int64_t session_ms = 3'600'000, idle_ms = 300'000, resume_ms = 60'000;  ///< told beforehand
  std::size_t kept_bytes = 2 << 20;  ///< of events, for who comes back
  std::size_t kept_events = 4096;
  bool has_track = false;  ///< sound comes and goes beside the messages (WebRTC)
  bool sees = false;       ///< something in the graph takes pictures
};

/// Hocket's own protocol, the server's side: all that a conversation has, micro-turns and work of the
/// background included. README.md describes its events, `../schema/hocket.json` their fields.
///
/// Every event has a number, `seq`; who lost the connection names the last that he saw and gets those
/// behind it, as far as they are kept: the voice too, over a track where the new connection has one.
class machine final : public protocol {
 public:
  explicit machine(settings s)
      : settings_(std::move(s)),
        has_track_(settings_.has_track),
        key_(settings_.resume_key),
        gate_(settings_.sees) {}

  void begin(std::int64_t, output&) override {}  // the client speaks first
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void hear(std::vector<float> samples, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t, output&) override {}
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) override;
  void let_go(std::string_view reason, std::int64_t now_ms, output& out) override;
  std::string resume_key() const override { return of_open(key_); }
  std::string earlier_key() const override { return of_open(earlier_key_); }
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;
  void cannot_resume(std::int64_t now_ms, output& out) override;

 private:
  struct step {
    std::int64_t now_ms;
    output& out;
  };
  using handler = void (machine::*)(const json&, step&);

  static handler handler_of(const std::string& type);
  void start(const json& e, step& s);
  void sound(const json& e, step& s);
  void take_sound(std::vector<float> samples, output& out) const;
  void text(const json& e, step& s);
  void picture(const json& e, step& s);
  void interrupt_now(const json& e, step& s);
  void mute(const json& e, step& s);
  void tools(const json& e, step& s);
  void tool_answer(const json& e, step& s);
  void graph(const json& e, step& s);
  void ping(const json& e, step& s);
  void seen(const json& e, step& s);
  void forget_all(const json& e, step& s);
  void grown_up(const json& e, step& s);
  void hang_up_now(const json& e, step& s);

  struct kept_event {
    std::uint64_t seq = 0;
    std::string text;                   ///< without its sound
    std::vector<std::int16_t> samples;  ///< of a voice
    std::int64_t track_to_ms = 0;       ///< its end, of all that was given to this track; 0: none

    std::size_t bytes() const { return text.size() + samples.size() * sizeof(std::int16_t); }
  };

  bool read_start(const json& e, step& s);
  /// `key`, where somebody can go on with the session.
  std::string of_open(const std::string& key) const;
  void hello(bool resumed, std::uint64_t lost_to, step& s);
  void told(const voice& v, step& s);
  void told(const sound_left& l, step&) { track_left_ms_ = l.ms; }
  void told(const said& w, step& s);
  void told(const heard& w, step& s);
  void told(const delegated& d, step& s);
  void told(const tool_call& c, step& s);
  void told(const tool_call_cancelled& c, step& s);
  void told(const turn_state& t, step& s);
  void told(const tool_seen& t, step& s);
  void told(const found_out& f, step& s);
  void told(const graph_state& g, step& s);
  void told(const lost_sound& l, step& s);
  void told(const ending& e, step& s);
  void told(const model_state& m, step& s);
  void told(const unseen_picture& u, step& s);
  void told(const all_forgotten&, step& s);
  void told(const settings_told& t, step& s);
  void bye(std::string_view reason, step& s);

  enum class keep : std::uint8_t { no, yes };
  void number(const char* type, json& fields, const step& s);
  void keep_event(kept_event k);
  void drop_oldest();
  void say_again(kept_event& k, bool is_unseen, step& s);
  void say_on_track(kept_event* kept, std::vector<float> samples, step& s);
  void send(const char* type, json fields, keep how, step& s);
  void complain(const char* code, std::string message, const json& about, step& s);

  const settings settings_;
  bool has_track_;  ///< of the connection that there is now
  std::string key_, earlier_key_;
  std::int64_t track_ms_ = 0,
               track_left_ms_ = 0;  ///< given to its track; not waiting there any more
  bool started_ = false, over_ = false, muted_ = false, forgotten_ = false;
  sound_format format_{sound_format::coding::pcm16, inner_rate_hz};
  picture_gate gate_;
  sound_reader reader_{inner_rate_hz};
  sound_writer writer_{inner_rate_hz};
  std::string odd_byte_;
  std::uint64_t seq_ = 0, turn_ = 0;
  std::optional<std::int64_t> hushed_since_ms_;  ///< interrupted: the old voice is not passed on
  std::deque<kept_event> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t evicted_ = 0;  ///< the last that had to go
};

}  // namespace hocket::gateway::own
