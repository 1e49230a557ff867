#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "actors/http/websocket.hpp"
#include "actors/interaction/remote/heard_words.hpp"
#include "actors/interaction/remote/machine.hpp"
#include "actors/interaction/remote/voice_queue.hpp"
#include "graph/contract/component.hpp"

namespace hocket::remote {

/// `interaction.remote`: a duplex model behind a WebSocket, hosted or of one's own, where
/// `interaction.model` stands: the same outputs, so that background, tools, recording, budgets, page and
/// benches serve it too.
///
/// Inputs: audio: what the person says, 16 kHz mono, sent as it comes, silence where nothing does; text:
/// what came of delegations (by request, its last word final), what the graph says of itself (role
/// background, request 0; a refusal of what the model did not ask), other words as the person's; keyboard:
/// what a person types. Outputs: audio: 16 kHz mono, 25 ms a packet, without a hole; text, heard: whole words;
/// delegations: calls of the one function that the model is offered; state: [8] f32 a micro-turn, as
/// interaction.model tells them, with the milliseconds of its voice that wait here at index 6.
/// When the person speaks over it, the epoch rises at once, what was not heard is gone, and the model is
/// told how much was.
/// Errors: remote.bad_config, remote.refused (the server will never take us); others connect again.
/// Threads: one of the WebSocket client, which only hands over.
/// Counters: connections, reconnects, resumed, barge_ins, dropped_ms (of its voice: too old, or too
/// much), holes, unheard_ms (of the person: no connection), delegations, late_results, notices (told to the
/// model to say), dropped_notices, unsent, seconds, tokens_in,
/// tokens_out, complaints, and what the server should not have sent: bad_messages, bad_sound,
/// oversized_sound, late_sound, bad_calls, too_many_calls, unknown_functions, repeated.
class remote_model final : public component {
 public:
  struct config {
    std::string protocol, url, key_env, model = "hocket", instructions, voice, ca_file;
    std::string function = "background";
    std::string function_summary =
        "Looks things up, computes, and works with tools. Returns what to tell the person.";
    std::int64_t jitter_ms = 60, max_lag_ms = 1000, max_ahead_s = 120;
    std::int64_t connect_ms = 10'000, max_back_off_s = 30;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit remote_model(config c) : config_(std::move(c)) {}
  ~remote_model() override;
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<source_state> produce(timestamp until, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override;
  result<void> close(emitter& out) override;
  /// Cuts its connection without a word; for tests.
  void cut_line();

 private:
  struct line;  ///< one connection
  void connect();
  void connected(const std::shared_ptr<line>& l,
                 const result<std::shared_ptr<http::websocket>>& socket, emitter& out);
  void received(const std::shared_ptr<line>& l, const std::string& message, emitter& out);
  void disconnected(const std::shared_ptr<line>& l, int code, const std::string& reason);
  void try_later(const std::string& why);
  void give(output o, emitter& out);
  void on(const event& e, emitter& out);
  void on_call(const call& c, emitter& out);
  void on_line(const event& e);
  void watch_line(std::int64_t now);
  bool send(const std::vector<std::string>& messages);
  void hear(std::span<const float> samples, emitter& out);
  bool is_notice(const text& t) const;
  void take_notice(const text& t, emitter& out);
  void take_result(const text& t, emitter& out);
  void cut_short(bool raises_epoch, emitter& out);
  void queue_words(const std::string& text);
  void tell_heard(std::string words, bool is_final, emitter& out);
  void say_words(std::int64_t played_ms, emitter& out);
  void remember(const char* who, const std::string& word);
  bool is_speaking() const;
  std::int64_t now_ms() const;

  config config_;
  context context_;
  std::string key_;
  std::unique_ptr<machine> machine_;
  std::unique_ptr<voice_queue> voice_;
  std::shared_ptr<line> line_;
  std::shared_ptr<remote_model*> alive_ = std::make_shared<remote_model*>(this);
  std::optional<error> refused_;
  int complaints_logged_ = 0;
  std::int64_t retry_at_ms_ = -1, back_off_ms_ = 0, ready_at_ms_ = 0, connected_at_ms_ = 0;

  std::int64_t next_out_ = -1;  ///< sample index of the next packet
  std::int64_t last_heard_ms_ = -1, sent_ms_ = 0, told_holes_ = 0;
  double person_level_ = 0;
  float model_dbfs_ = -100;
  float gates_[4] = {};

  std::string part_;               ///< of a word of the model's
  std::deque<std::string> words_;  ///< of the model's, not said yet
  std::int64_t word_credit_ms_ = 0;
  heard_words heard_;
  bool is_answering_ = false, is_over_ = false;
  std::int64_t over_since_ms_ = 0;

  std::map<std::uint64_t, std::string> requests_;             ///< its call behind each delegation
  std::map<std::uint64_t, std::string> results_;              ///< as far as they are here
  std::deque<std::pair<std::string, std::string>> finished_;  ///< call and result, for a connection
  std::map<std::uint64_t, std::string> notice_parts_;         ///< as far as they are here
  std::deque<std::string> notices_;                           ///< for a connection
  std::string typed_;
  std::uint64_t next_request_ = 1;
  std::deque<std::string> transcript_;

  std::unique_ptr<http::websocket_client> client_;
};

}  // namespace hocket::remote
