#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/gateway/door/key_ring.hpp"
#include "actors/gateway/door/routes.hpp"
#include "actors/gateway/door/run_status.hpp"
#include "actors/gateway/door/sound_pump.hpp"
#include "actors/http/server.hpp"
#include "graph/contract/component.hpp"

namespace hocket::gateway {

struct client;
struct connection;
class site;

/// `gateway.door`: lets people and apps talk with the graph: a page for browsers, and the protocols that
/// apps speak already (OpenAI Realtime, OpenAI Live, Gemini Live), plain and TLS at one port.
///
/// Each client is a conversation of the run, opened and closed through `context.sessions`.
/// Inputs: audio: what the model says, 16 kHz mono, ts = when it is to be heard; text: its words; heard:
/// words that it heard; state: [8] f32 a micro-turn, delegations, tool_calls, tool_results, results: for
/// those who watch; a call of a tool called `client.NAME` is one of the client's function NAME, which it
/// is told and answers. Outputs: audio: what a client says, 16 kHz mono, on the stream's clock; text: what
/// it types, role `user`; client: what its app says to the background, by role (`tools`, `instructions`,
/// `delegations`, `commentary`, `thinking`, `context`); answers: what its functions returned, one for each
/// call.
/// Errors: gateway.no_sessions (the run offers none), gateway.needs_keys and gateway.needs_tls (beyond
/// loopback without), gateway.no_keys, gateway.bad_keys, gateway.bad_file, http.*.
/// Threads: the server's own; it only hands messages over.
/// Counters: sessions, resumed, lingering, refused_sessions, refused_keys, dropped_messages (a client that
/// does not read), dropped_samples (sound sent faster than it is heard), slow_clients, prompts, not_served,
/// client_calls, refused_calls (a client has too many open), late_answers (of a client's function: unasked,
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
    std::int64_t max_sessions = 16;
    std::int64_t sessions_per_key = 0;
    std::int64_t starts_per_minute = 120;
    std::int64_t session_limit_s = 3600;
    std::int64_t idle_limit_s = 300;
    std::int64_t resume_s = 60;
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
  std::variant<http::response, http::websocket_accept> admit(const http::request& r);
  http::websocket_events welcome(std::shared_ptr<client> c,
                                 std::shared_ptr<http::websocket> socket);

  // In the actor's context.
  void begin(const std::shared_ptr<client>& c, emitter& out);
  void open_session(const std::shared_ptr<client>& c);
  void opened(const std::shared_ptr<client>& c, const result<session_id>& id, emitter& out);
  void received(connection& from, const std::string& message, emitter& out);
  void gone(const std::shared_ptr<connection>& line, int code);
  void take_over(const std::shared_ptr<client>& c, const std::string& key,
                 const std::string& message, emitter& out);
  void leave(const std::shared_ptr<client>& c);
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
  void say(client& c, std::string message);
  void watch_limits(client& c, emitter& out);
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
  run_status status_;
  std::unique_ptr<site> site_;
  std::unique_ptr<http::server> server_;
};

}  // namespace hocket::gateway
