#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/gateway/door/routes.hpp"
#include "actors/gateway/door/sound_pump.hpp"
#include "actors/gateway/json.hpp"
#include "actors/gateway/protocol.hpp"
#include "actors/gateway/webrtc/peer.hpp"
#include "actors/http/websocket.hpp"
#include "graph/contract/payload.hpp"
#include "graph/core/ids.hpp"
#include "graph/core/timestamp.hpp"
#include "graph/trust/budget.hpp"

namespace hocket::gateway {

/// Inputs of the gateway.
enum input_port : std::size_t {
  audio_in,
  text_in,
  heard_in,
  state_in,
  delegations_in,
  calls_in,
  results_in,
  found_in,    ///< words of the background's results
  forgets_in,  ///< of a guard
  settings_in  ///< the same: a grown-up's
};

struct client;

/// Louder than -60 dB of full scale, 1 for samples at it.
bool is_voice(std::span<const float> samples);

/// Messages of one client on their way to the actor. Where the actor does not keep up, TCP holds the
/// client up. Threads: any.
class backlog {
 public:
  static constexpr std::size_t most_messages = 64, most_bytes = 8 << 20;
  void add(http::websocket& from, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ++messages_;
    bytes_ += bytes;
    if (!paused_ && (messages_ >= most_messages || bytes_ >= most_bytes))
      from.pause_reading(paused_ = true);
  }
  void take(http::websocket& from, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    --messages_;
    bytes_ -= bytes;
    if (paused_ && messages_ <= most_messages / 2 && bytes_ <= most_bytes / 2)
      from.pause_reading(paused_ = false);
  }

 private:
  std::mutex mutex_;
  std::size_t messages_ = 0, bytes_ = 0;
  bool paused_ = false;
};

/// The gateway's outputs, in the order of its `info`.
enum out_port : std::size_t {
  audio_out,
  text_out,
  client_out,
  answers_out,
  pictures_out,
  forgets_out,
  settings_out
};

/// One WebSocket, or a call. All but `pending` and what is atomic is used in the actor's context only.
struct connection {
  static constexpr int most_sound_pieces = 100;  ///< of 20 ms, on their way to the actor
  static constexpr int most_pictures = 2;        ///< of a call, on their way to the actor
  std::shared_ptr<http::websocket> socket;
  std::shared_ptr<webrtc::call> call;  ///< the same, where sound goes beside the messages
  std::atomic<int> pictures = 0;
  std::atomic<int> sound_pieces = 0, dropped_pieces = 0;
  std::atomic<int> unheard_end = 0;                ///< its code, where the actor could not be told
  std::int64_t left_ms = 0;                        ///< of the voice: what the machine was told
  webrtc::call_figures counted;                    ///< of the call, as the counters have them
  bool has_begun = false, is_gone = false;         ///< a call; any of them
  std::vector<std::shared_ptr<connection>> early;  ///< beside this call, before it has begun
  std::optional<std::vector<std::string>> early_messages;  ///< of one of those
  std::weak_ptr<client> who;  ///< another one after a `take_over`; it holds this
  backlog pending;
};

/// One conversation with somebody outside; outlives its connection where he may come back.
/// Used in the actor's context only.
struct client {
  explicit client(sound_pump::limits of_sound = {}) : sound(inner_rate_hz, of_sound) {}
  protocol_kind kind = protocol_kind::none;
  bool has_track = false;  ///< sound goes beside the messages
  std::unique_ptr<protocol> machine;
  std::string key_name;
  std::string payer;  ///< whose places and starts count: its key's, or its address'
  std::shared_ptr<trust::budget::share>
      place;  ///< among the conversations that may be; given back with it
  std::shared_ptr<connection> line;
  std::vector<std::shared_ptr<connection>> aside;  ///< further ones, that hear the same
  session_id session = session_id::none;
  bool is_opening = false, is_over = false;
  bool only_goes_on = false;  ///< let in without a place, for a conversation that has one
  bool may_begin = true;      ///< … and may take one; not by a spent token
  std::string token;          ///< … and is spent then
  timestamp began, last_heard;
  std::optional<timestamp> alone_since;       ///< without a connection
  bool has_closed = false;                    ///< … which its client closed with 1000
  std::optional<timestamp> unanswered_since;  ///< what answers is gone
  sound_pump sound;
  std::optional<video_frame> shown;  ///< the picture that stands
  timestamp shown_at;
  std::int64_t shown_instant = -1;  ///< of the grid of pictures: the last that one was given on at
  std::vector<action> waiting;      ///< for the session: words, functions, instructions
  std::map<std::uint64_t, std::string> open_calls;  ///< of its functions, and which; no answer yet
  std::vector<tool_call> unheard_calls;             ///< made while nobody was there to hear them
  std::map<std::string, text> standing;  ///< what holds for its background from now on, by role
  timestamp repeated_at = timestamp::min();
  std::int64_t lost_messages = 0;  ///< not told yet
  bool told_of_length = false, told_of_idleness = false;
  std::int64_t watch_every_ms = 0, watched_ms = 0;
  bool wants_state = false;                      ///< of the run: asked for, not told yet
  std::uint64_t settings_sent = 0;               ///< to a guard, which answers each by its number
  timestamp asked_at;                            ///< the last of `asked_settings`
  std::map<std::uint64_t, json> asked_settings;  ///< with the key: kept once the guard took them
};

}  // namespace hocket::gateway
