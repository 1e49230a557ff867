#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/gateway/door/key_ring.hpp"
#include "actors/gateway/door/picture_desk.hpp"
#include "actors/gateway/door/routes.hpp"
#include "actors/gateway/door/run_status.hpp"
#include "actors/gateway/door/sound_pump.hpp"
#include "actors/gateway/edit/desk.hpp"
#include "actors/gateway/webrtc/exchange.hpp"
#include "actors/http/server.hpp"
#include "graph/contract/component.hpp"

namespace hocket::gateway {

struct client;
struct connection;
class site;

/// `gateway.door`: lets people and apps talk with the graph: a page for browsers, and the protocols that
/// apps speak already (OpenAI Realtime, OpenAI Live, Gemini Live), plain and TLS at one port; Realtime, Live,
/// the page's own and WHIP over WebRTC, too.
///
/// Each client is a conversation of the run, opened and closed through `context.sessions`.
/// Inputs: audio: what the model says, 16 kHz mono, ts = when it is to be heard; text: its words; heard:
/// words that it heard; state: [8] f32 a micro-turn, delegations, tool_calls, tool_results, results: for
/// those who watch; a call of a tool called `client.NAME` is one of the client's function NAME, which it
/// is told and answers. Outputs: audio: what a client says, 16 kHz mono, on the stream's clock; text: what
/// it types, role `user`; client: what its app says to the background, by role (`tools`, `instructions`,
/// `delegations`, `commentary`, `thinking`, `context`); answers: what its functions returned, one for each
/// call; pictures: what it shows, RGB, at most 320 pixels a side, on a grid of `pictures_per_s`; forgets: as policy.guard's.
/// Errors: gateway.no_sessions (the run offers none), gateway.needs_keys and gateway.needs_tls (beyond
/// loopback without), gateway.no_keys, gateway.bad_keys, gateway.no_edit (whose graph is not the operator's own), gateway.no_editor (no key may edit), gateway.bad_file, gateway.bad_address, http.*.
/// Threads: the server's own; it only hands messages over.
/// Counters: sessions, calls, beside_calls (second connections to one), refused_calls_setup, resumed, lingering, refused_sessions, refused_keys, dropped_messages (a client that
/// does not read), model_lost (conversations that had to wait for it), refused_without_model (that did not begin), unheard_sound (packets for a model that is gone), too_long_events (for a call; it ends with 1009), lost_packets, late_packets and voice_holes (of calls),
/// dropped_pieces (sound of a call, 20 ms, that came faster than it is taken), dropped_samples (sound sent faster than it is heard), slow_clients, prompts, not_served,
/// protocol_faults (clients let go for one: please report it), pictures, bad_pictures (that decode to nothing), dropped_pictures (a newer one came before they were
/// decoded), client_calls, refused_calls (a client has too many open), late_answers (of a client's function: unasked,
/// twice, or given up).
class gateway final : public component {
 public:
  struct config {
    std::string listen = "tcp://127.0.0.1:8765";
    bool beyond_loopback = false;
    std::string key_env, keys_file;
    std::vector<std::string> names;
    bool tls = true;
    std::string certificate, private_key;
    bool page = true;
    std::string page_texts;
    bool show_graph = true;
    bool edit = false;
    std::string edit_key;
    std::string training;
    std::int64_t max_sessions = 16;
    std::int64_t sessions_per_key = 0;
    std::int64_t starts_per_minute = 120;
    std::int64_t session_limit_s = 3600;
    std::int64_t idle_limit_s = 300;
    std::int64_t resume_s = 60;
    std::int64_t lost_s = 60;
    bool calls = true;
    std::vector<std::string> call_addresses;
    std::string stun, turn, turn_user, turn_key_env;
    double pictures_per_s = 10;
    std::int64_t picture_ms = 2000;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit gateway(config c);
  ~gateway() override;
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<source_state> produce(timestamp until, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override;
  result<void> close(emitter& out) override;

  /// Where it listens; for tests.
  const std::string& url() const { return server_->url(); }

 private:
  // On the server's thread (admission.cpp).
  result<void> read_keys();
  result<http::tls_identity> identity() const;
  result<void> start_server();
  result<void> start_desk();
  result<std::string> turn_url() const;
  result<void> start_exchange();
  void count_later(const char* what);
  std::variant<http::response, http::websocket_accept> admit(const http::request& r);
  struct entry {
    protocol_kind kind = protocol_kind::none;
    bool has_track = false;
    std::string session_json;  ///< of the request; over that of its token
    std::string call_id;
    std::string resume_key;  ///< with what another call goes on; empty: the protocol's own, if any
  };
  std::variant<http::response, std::shared_ptr<client>> enter(const http::request& r, entry how);
  http::websocket_events events_of(const std::shared_ptr<connection>& line);
  http::websocket_events welcome(std::shared_ptr<client> c,
                                 std::shared_ptr<http::websocket> socket);

  // Calls (calls.cpp): on the server's thread, too.
  using tell_later = std::function<void(http::response)>;
  void serve(const http::request& r, const http::responder& reply);
  void serve_desk(const http::request& r, const tell_later& tell);
  static http::response answered(protocol_kind kind, const std::string& id, std::string sdp);
  void take_call(const http::request& r, protocol_kind kind, const tell_later& tell);
  /// What somebody shows who wants something of a call: a key, or a token, spent as it is.
  struct shown {
    bool is_known = false, is_key = false;
    std::string name, digest;
  };
  struct placed_call {
    std::weak_ptr<connection> line;
    std::string key_name, key_digest;
    std::weak_ptr<client> who;
    protocol_kind resumable = protocol_kind::none;  ///< by a connection of which kind
    bool has_track = false;                         ///< … and by a call
    bool is_gone() const { return line.expired() && who.expired(); }
  };
  shown shown_by(const std::string& key) const;
  static bool is_own(const placed_call& call, const shown& by);
  void end_call(const std::string& id, const shown& by, const tell_later& tell);
  /// A call that is to begin, or to go on where the one of `earlier` was; or a WebSocket, which keeps its id.
  struct asked_for {
    std::shared_ptr<client> who;
    std::string id, earlier, key_name;
    protocol_kind resumable = protocol_kind::none;  ///< another call may go on with it: by this one
    bool has_spent = false;  ///< its token, if any, which lets in again where no call comes of it
    /// The same, holding nobody.
    struct record {
      std::string id, key_name;
      std::weak_ptr<client> who;
      protocol_kind resumable;
      bool has_spent;
    };
    record known() const { return {id, key_name, who, resumable, has_spent}; }
  };
  webrtc::call_events events_of_call(const asked_for& what,
                                     const std::shared_ptr<connection>& line);

  // Conversations that another connection goes on with (resume.cpp): on the server's thread, …
  std::variant<http::response, asked_for> who_calls(const http::request& r, protocol_kind kind,
                                                    bool has_track, std::string session_json);
  std::variant<http::response, http::websocket_accept> admit_named(const http::request& r,
                                                                   protocol_kind kind);
  std::shared_ptr<client> find_call(const http::request& r, protocol_kind kind, bool has_track,
                                    const std::string& earlier);
  std::optional<std::string> goes_on(const http::request& r);
  bool may_go_on(protocol_kind kind, const std::string& key_name);
  std::optional<http::response> refuses_new(const http::request& r, protocol_kind kind);
  // … and in the actor's context.
  void take_over(const std::shared_ptr<client>& c, const std::string& key,
                 const std::string& message, emitter& out);
  void stands(const asked_for& what, const std::shared_ptr<connection>& line, emitter& out);
  void go_on(const asked_for& what, const std::shared_ptr<connection>& line, emitter& out);
  void hand_over(const std::shared_ptr<client>& to, const std::shared_ptr<connection>& line,
                 const std::string& message, const std::string& next_key, emitter& out);
  static void end_line(client& c, std::int64_t now_ms, int code, const char* reason);
  bool refuse_begin(client& c, emitter& out);
  bool takes_place(client& c);
  // … and in the actor's context.
  void heard(connection& from, std::vector<float> samples, emitter& out);
  void tell_of_track(client& c, emitter& out);
  void have_forgotten(const client& c, emitter& out);

  // A grown-up's settings (settings.cpp), in the actor's context.
  void open_settings(client& c, show_settings& asked, emitter& out);
  std::uint64_t send_settings(client& c, const json& changes, emitter& out);
  void settings_from_guard(client& c, const packet& p, emitter& out);
  void read_settings();
  void keep_settings();
  void count_call(connection& line);

  // Beside a call (sideband.cpp): on the server's thread, then in the actor's context.
  std::variant<http::response, http::websocket_accept> admit_beside(const http::request& r,
                                                                    const std::string& id);
  void stand_beside(const std::shared_ptr<connection>& line, connection& of_call, emitter& out);
  void join_early(connection& of_call, emitter& out);
  void say_aside(client& c, const std::string& message);
  void end_aside(client& c);
  bool gone_aside(const std::shared_ptr<connection>& line);

  // In the actor's context.
  void begin(const std::shared_ptr<client>& c, emitter& out);
  void open_session(const std::shared_ptr<client>& c, emitter& out);
  void opened(const std::shared_ptr<client>& c, const result<session_id>& id, emitter& out);
  void received(connection& from, const std::string& message, emitter& out);
  void gone(const std::shared_ptr<connection>& line, int code);
  void leave(const std::shared_ptr<client>& c);
  void leave_oldest_closed();
  void ended(session_id id);
  void tell(client& c, const graph_event& e, emitter& out);
  void give(client& c, output from, emitter& out);
  void act(client& c, action& a, emitter& out);
  bool pass_on(client& c, action& a, emitter& out);
  void answer_call(client& c, tool_result& r, emitter& out);
  std::optional<graph_event> of_client_function(client& c, const packet& p) const;
  bool refuse_call(client& c, const packet& p, emitter& out);
  void tell_of_call(client& c, const graph_event& e, emitter& out);
  void pump(client& c, emitter& out);
  void settle(const client& c, timestamp until, emitter& out);
  bool sees() const;
  void look_at(client& c, see_picture p);
  void look_at(connection& from, video_frame picture, emitter& out);
  void show(client& c, emitter& out);
  void say(client& c, std::string message);
  void watch_limits(client& c, emitter& out);
  void lose_model(client& c, emitter& out);
  void model_is(bool there, const packet& p, emitter& out);
  void watch_run(emitter& out);
  std::int64_t ms_of(const client& c) const;
  std::shared_ptr<client> self_of(const client& c) const;

  config config_;
  context context_;
  std::shared_ptr<key_ring> keys_;
  bool needs_key_ = false;
  std::atomic<std::uint64_t> ids_ = 0;
  std::map<const client*, std::shared_ptr<client>> clients_;
  std::map<session_id, std::shared_ptr<client>> by_session_;
  std::map<std::string, json> settings_;  ///< a grown-up's, by the key that conversations come by
  std::mutex calls_mutex_;                ///< of `calls_` and `waits_`
  std::map<std::string, placed_call> calls_;  ///< by id, those to come included
  std::map<std::string, placed_call> waits_;  ///< conversations, by the keys that go on with them
  std::set<session_id> lost_models_;          ///< of these conversations; none: of all
  std::atomic<bool> answers_ = true;          ///< a new conversation has something that answers
  run_status status_;
  picture_desk pictures_;
  std::unique_ptr<edit::desk> desk_;
  std::unique_ptr<site> site_;
  std::unique_ptr<http::server> server_;
  std::unique_ptr<webrtc::exchange> exchange_;  ///< none: calls are not served
};

}  // namespace hocket::gateway
