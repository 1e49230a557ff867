#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/picture/gate.hpp"
#include "actors/gateway/protocol.hpp"
#include "actors/gateway/realtime/conversation.hpp"
#include "actors/gateway/realtime/events.hpp"
#include "actors/gateway/typed_words.hpp"

namespace hocket::gateway::realtime {

struct settings {
  std::string session_id = "sess_1";
  std::string model = "hocket";
  std::int64_t expires_at_s = 0;  ///< since 1970, as clients are told
  std::vector<json> initial;  ///< each a `session` that was agreed on before, one over the other
  int silent_turns = 4;       ///< micro-turns of silence that end a response
  int micro_turn_ms = 200;
  int answer_ms = 10'000;  ///< a response that was asked for and gets no voice ends empty
  int held_ms = 15'000;    ///< most that is kept of a voice that has to wait for response.create
  int results_ms = 1'500;  ///< results of calls wait this long for the client's response.create
  int work_ms = 4'000;     ///< silence while the background works is no end, this long
  int told_ms = 1'500;     ///< from what it found out to the voice that tells it
  bool has_track = false;  ///< sound comes and goes beside the messages (WebRTC)
  bool sees = false;       ///< something in the graph takes pictures
  std::string resume_key;  ///< with what another call goes on; empty: none can
};

/// OpenAI Realtime (GA), the server's side: turns as a view of a model that has none.
///
/// A response begins when the voice opens and the person's turn is over, and ends after some silent
/// micro-turns, or when the person speaks. Where the client decides about turns (`turn_detection: null`, `create_response: false`) the
/// voice waits for `response.create`: a gate before the voice, no other model.
class machine final : public protocol {
 public:
  explicit machine(settings s);

  void begin(std::int64_t now_ms, output& out) override;
  void join(std::int64_t now_ms, output& out) override;
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void hear(std::vector<float> samples, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) override;
  void let_go(std::string_view reason, std::int64_t now_ms, output& out) override;
  std::string resume_key() const override { return resume_key_; }
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;

 private:
  /// One answer under way.
  struct response {
    json object;  ///< as `response.created` showed it
    bool has_audio = true;
    bool is_apart = false;   ///< `conversation: none`: its items are not kept
    std::string message_id;  ///< empty: nothing was said yet
    int message_index = 0, outputs = 0;
    json done_items = json::array();
    std::string words;
    std::int64_t began_ms = 0, last_ms = 0, sent_ms = 0;
    std::int64_t silent_ms = 0;
    bool has_call = false;  ///< of a client's function: its answer belongs to the next response
  };
  /// One step: what comes in, and where the answers go.
  struct step {
    step(machine& m, std::int64_t now, output& o)
        : now_ms(now), out(o), events(o.messages, m.event_count_) {}
    std::int64_t now_ms;
    output& out;
    event_writer events;
  };
  using handler = void (machine::*)(const json&, step&);
  /// What of a response is on its way to the person's ear, where sound goes over a track.
  struct playing {
    std::string response_id, item_id;
    std::int64_t from_ms = 0, to_ms = 0;  ///< of all that was given to the track
    bool is_whole = false;                ///< nothing more comes of it
  };

  // Client events.
  static handler handler_of(const std::string& type);
  void session_update(const json& e, step& s);
  void audio_append(const json& e, step& s);
  void audio_commit(const json& e, step& s);
  void audio_clear(const json& e, step& s);
  void item_create(const json& e, step& s);
  void item_retrieve(const json& e, step& s);
  void item_truncate(const json& e, step& s);
  void item_delete(const json& e, step& s);
  void response_create(const json& e, step& s);
  void response_cancel(const json& e, step& s);
  void output_clear(const json& e, step& s);

  // The person.
  void take_sound(std::vector<float> samples, double ms, step& s);
  void on_mark(const speech_detector::mark& m, step& s);
  void commit_user_item(const std::string& id, step& s);
  std::optional<problem> take_pictures(const json& item, std::vector<see_picture>& into, step& s);
  void give_on(const json& item, step& s);
  void finish_transcription(step& s);
  void apply_session(step& s);

  // The model.
  void on_voice(const voice& v, step& s);
  void on_said(const said& w, step& s);
  void on_heard(const heard& w, step& s);
  void on_tool_call(const tool_call& c, step& s);
  void on_model(const model_state& m, step& s);
  void fail_response(step& s);
  bool waits_for_client() const;
  bool waits_for_turn(std::int64_t now_ms) const;
  void hold(const voice& v, std::int64_t now_ms);
  void release_held(step& s);
  void give_results(step& s);
  json offered_tools() const;
  std::string instructions() const;
  void open_response(const json& asked, step& s);
  void open_message(step& s);
  void say(const voice& v, step& s);
  void say_words(const std::string& text, step& s);
  void say_on_track(const voice& v, step& s);
  void on_sound_left(std::int64_t ms, step& s);
  void cut_track(step& s);
  void cut_words(json& item, std::int64_t heard_ms);
  void close_message(const char* status, step& s);
  void complete_response(step& s);
  void end_response(const char* reason, step& s);
  void cut_response(const char* reason, step& s);
  void end_waiting(std::optional<json> asked, const char* reason, step& s);
  void end_all(step& s);
  void begin_next(const char* reason, step& s);
  place at_message() const;
  json usage();

  std::string next_id(const char* kind);
  static void fail_with(const json& e, problem p, step& s);

  const settings settings_;
  session session_;
  conversation items_;
  speech_detector detector_{inner_rate_hz};
  picture_gate gate_;
  sound_reader reader_{inner_rate_hz};
  sound_writer writer_{inner_rate_hz};
  std::uint64_t event_count_ = 0, id_count_ = 0;
  std::string resume_key_;
  std::string lack_;  ///< why nothing answers now; empty: something does

  std::string told_instructions_;
  bool has_offered_ = false;      ///< functions
  std::string odd_byte_;          ///< half a sample that waits for the rest
  double buffered_ms_ = 0;        ///< since the last commit
  double heard_ms_ = 0;           ///< input clock
  std::string user_item_;         ///< of the speech under way
  std::string transcribed_item_;  ///< gets what is heard
  std::string transcript_;
  std::int64_t transcribe_until_ms_ = 0;
  double transcribed_from_ms_ = 0;

  std::optional<response> response_;
  std::deque<voice> held_;  ///< waits for response.create, or for the end of the person's turn
  std::int64_t held_since_ms_ = 0;
  bool was_paused_ = false;  ///< they speak over a pause: what is held waits for the end of that
  std::string held_words_;
  typed_words typed_;
  std::int64_t patience_until_ms_ = 0;  ///< the background works: its answer is of this response
  std::vector<tool_result> results_;    ///< of calls; wait for response.create
  std::int64_t results_due_ms_ = 0;
  std::optional<json> next_create_;  ///< comes after the response that made the calls
  std::deque<json> apart_;  ///< `conversation: none`, asked for beside another one: come after it
  std::int64_t muted_until_ms_ = 0;  ///< the rest of what was cut off is not heard
  std::string last_audio_item_;
  std::int64_t last_audio_sent_ms_ = 0, last_words_ms_ = 0;  ///< of it; and what its words are of
  std::optional<playing> playing_;
  std::int64_t track_ms_ = 0, track_left_ms_ = 0;  ///< given to the track; and not waiting there
  std::int64_t quiet_since_ms_ = -1;               ///< for idle_timeout_ms
  double usage_in_ms_ = 0;
};

}  // namespace hocket::gateway::realtime
