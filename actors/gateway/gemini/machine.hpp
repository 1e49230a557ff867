#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "actors/gateway/detector.hpp"
#include "actors/gateway/picture/gate.hpp"
#include "actors/gateway/protocol.hpp"
#include "actors/gateway/sound.hpp"
#include "actors/gateway/typed_words.hpp"

namespace hocket::gateway::gemini {

struct settings {
  int silent_turns = 4;  ///< micro-turns of silence that end a turn
  int work_ms = 4'000;   ///< silence while the background works is no end, this long
  int told_ms = 1'500;   ///< from what it found out to the voice that tells it
  int micro_turn_ms = 200;
  int answer_ms = 10'000;  ///< a turn that was asked for and gets no voice ends empty
  int held_ms = 15'000;    ///< most that is kept of a voice while the client's activity lasts
  std::string resume_key;  ///< hard to guess; empty: nobody can go on with the session
  bool sees = false;       ///< something in the graph takes pictures
};

/// Gemini Live, the server's side. Errors are closes with a reason: the protocol has no other.
class machine final : public protocol {
 public:
  explicit machine(settings s) : settings_(std::move(s)), gate_(settings_.sees) {}

  void begin(std::int64_t, output&) override {}  // the client speaks first
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  /// The handle; empty where the client did not ask for one.
  std::string resume_key() const override;
  /// Its clients close and go on, to change what `setup` said.
  bool has_goodbye() const override { return false; }
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;

 private:
  struct step {
    std::int64_t now_ms;
    output& out;
  };
  /// The model's turn.
  struct turn {
    std::int64_t began_ms = 0, last_ms = 0, sent_ms = 0;
    std::size_t word_bytes = 0;
    std::int64_t silent_ms = 0;
    bool spoke = false;
  };

  void setup(const json& asked, step& s);
  void read_setup(const json& asked);
  void set_up(const json& asked, step& s);
  void take_offer(const json& asked, step& s);
  void realtime_input(const json& in, step& s);
  void blob(const json& in, step& s);
  void sound(const std::string& bytes, const std::string& mime_type, step& s);
  void client_content(const json& in, step& s);
  void tool_response(const json& in, step& s);
  void activity(bool begins, step& s);

  void on_voice(const voice& v, step& s);
  void say(const voice& v, step& s);
  void on_said(const said& w, step& s);
  void open_turn(step& s);
  bool holds() const { return in_activity_ || (was_paused_ && detector_.is_speaking()); }
  void release_held(step& s);
  void close_turn(bool interrupted, step& s);
  void cut(step& s);
  void give_up(int code, const std::string& why, step& s);
  static void send(json message, step& s) { s.out.messages.push_back(line_of(message)); }
  static void content(json server_content, step& s) {
    send({{"serverContent", std::move(server_content)}}, s);
  }

  const settings settings_;
  bool is_set_up_ = false, closed_ = false, can_resume_ = false;
  bool has_audio_ = true, tells_heard_ = false, tells_said_ = false;
  bool detects_ = true, interrupts_ = true, in_activity_ = false;
  speech_detector detector_{inner_rate_hz};
  picture_gate gate_;
  sound_reader reader_{inner_rate_hz};
  sound_writer writer_{inner_rate_hz};
  std::optional<turn> turn_;
  std::deque<voice> held_;
  std::string held_words_;
  bool was_paused_ =
      false;  ///< they speak over a pause: what is said then waits for the end of that
  typed_words typed_;
  bool has_offered_ = false;  ///< functions
  std::int64_t muted_until_ms_ = 0, patience_until_ms_ = 0;
  double heard_ms_ = 0;
  std::map<std::string, bool> calls_;  ///< whose results are waited for
};

}  // namespace hocket::gateway::gemini
