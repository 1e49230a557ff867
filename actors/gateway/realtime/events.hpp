#pragma once

#include <string>
#include <vector>

#include "actors/gateway/json.hpp"
#include "actors/gateway/realtime/session.hpp"

namespace hocket::gateway::realtime {

/// Where in a response something belongs.
struct place {
  std::string response_id;
  std::string item_id;
  int output_index = 0;
  int content_index = 0;
};

/// Writes the server's events, one function for each, so that none leaves without a field:
/// several clients drop such an event in silence. Every event gets an id of its own.
class event_writer {
 public:
  explicit event_writer(std::vector<std::string>& to, std::uint64_t& counter)
      : to_(to), counter_(counter) {}

  void session_created(const json& session) { with_session("session.created", session); }
  void session_updated(const json& session) { with_session("session.updated", session); }

  void speech_started(const std::string& item, std::int64_t at_ms);
  void speech_stopped(const std::string& item, std::int64_t at_ms);
  void committed(const std::string& item, const json& previous);
  void cleared();
  void timeout_triggered(const std::string& item, std::int64_t from_ms, std::int64_t to_ms);
  void item_added(const json& item, const json& previous);
  void item_done(const json& item, const json& previous);
  void item_retrieved(const json& item);
  void item_deleted(const std::string& item);
  void item_truncated(const std::string& item, int content_index, std::int64_t audio_end_ms);
  void transcription_delta(const std::string& item, const std::string& delta);
  void transcription_completed(const std::string& item, const std::string& text, double seconds);

  void response_created(const json& response) { with_response("response.created", response); }
  void response_done(const json& response) { with_response("response.done", response); }
  void output_item_added(const place& at, const json& item);
  void output_item_done(const place& at, const json& item);
  void content_part_added(const place& at, const json& part);
  void content_part_done(const place& at, const json& part);
  void audio_delta(const place& at, std::string_view bytes);
  void audio_done(const place& at);
  void transcript_delta(const place& at, const std::string& delta);
  void transcript_done(const place& at, const std::string& text);
  void text_delta(const place& at, const std::string& delta);
  void text_done(const place& at, const std::string& text);
  void arguments_delta(const place& at, const std::string& call_id, const std::string& delta);
  void arguments_done(const place& at, const std::string& call_id, const std::string& name,
                      const std::string& arguments);
  /// Of the sound on a track.
  void audio_started(const std::string& response_id);
  void audio_stopped(const std::string& response_id);
  void audio_cleared(const std::string& response_id);
  /// `event_id`: the client's that it answers; null where it gave none.
  void error(const problem& p, const json& event_id, const char* type = "invalid_request_error");

 private:
  void send(const char* type, json fields);
  void with_session(const char* type, const json& session);
  void with_response(const char* type, const json& response);
  void at_place(const char* type, const place& at, const char* key, json value);

  std::vector<std::string>& to_;
  std::uint64_t& counter_;
};

}  // namespace hocket::gateway::realtime
