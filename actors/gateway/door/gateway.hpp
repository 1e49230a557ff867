#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/gateway/door/routes.hpp"
#include "actors/gateway/door/sound_pump.hpp"
#include "actors/http/server.hpp"
#include "graph/contract/component.hpp"

namespace hocket::gateway {

/// `gateway`: lets apps talk with the graph in the protocols that they speak already: OpenAI Realtime,
/// OpenAI Live and Gemini Live, over WebSocket, plain and TLS at one port.
///
/// Each connection is a conversation of the run, opened and closed through `context.sessions`.
/// Inputs: audio: what the model says, 16 kHz mono, ts = when it is to be heard; text: its words; heard:
/// words that it heard. Outputs: audio: what a client says, 16 kHz mono, on the stream's clock; text: what
/// it types, role `user`.
/// Errors: gateway.no_sessions (the run offers none), gateway.needs_keys (beyond loopback without keys),
/// gateway.no_keys, http.*.
/// Threads: the server's own; it only hands messages over.
/// Counters: sessions, refused_sessions, refused_keys, dropped_messages (a client that does not read),
/// dropped_samples (sound sent faster than it is heard), slow_clients, prompts, not_served.
class gateway final : public component {
 public:
  struct config {
    std::string listen = "tcp://127.0.0.1:8765";
    bool beyond_loopback = false;
    std::string key_env;
    std::vector<std::string> names;
    bool tls = true;
    std::int64_t max_sessions = 16;
    std::int64_t session_limit_s = 3600;
    std::int64_t idle_limit_s = 300;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit gateway(config c) : config_(std::move(c)) {}
  ~gateway() override;
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;
  result<void> close(emitter& out) override;

  /// Where it listens; for tests.
  const std::string& url() const { return server_->url(); }

 private:
  struct client;
  class inbox;

  result<void> read_keys();
  result<void> start_server();
  std::variant<http::response, http::websocket_accept> admit(const http::request& r);
  http::websocket_events welcome(protocol_kind kind, const std::string& model,
                                 std::shared_ptr<http::websocket> socket);
  void begin(std::shared_ptr<client> c, emitter& out);
  void opened(std::shared_ptr<client> c, const result<session_id>& id, emitter& out);
  void received(client& c, const std::string& message, emitter& out);
  void left(const std::shared_ptr<client>& c);
  void ended(session_id id);
  void give(client& c, output from, emitter& out);
  void act(client& c, action& a, emitter& out);
  void pump(client& c, emitter& out);
  void say(client& c, std::string message);
  std::int64_t ms_of(const client& c) const;

  config config_;
  context context_;
  std::vector<std::string> keys_;
  std::shared_ptr<std::atomic<std::int64_t>> admitted_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  std::uint64_t ids_ = 0;
  std::map<const client*, std::shared_ptr<client>> clients_;
  std::map<session_id, std::shared_ptr<client>> by_session_;
  std::unique_ptr<http::server> server_;
};

}  // namespace hocket::gateway
