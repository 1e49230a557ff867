// A call without GStreamer: what is queued, what ends it, its times. The rest: gst_pipeline.cpp.
#include "actors/gateway/webrtc/gst_call.hpp"

#include <utility>

namespace hocket::gateway::webrtc {
namespace {

using namespace std::chrono_literals;

constexpr int connected = 2, failed = 4, is_closed = 5;  // GstWebRTCPeerConnectionState
constexpr auto quiet_track = 400ms;    ///< without a packet of sound: silence is made of it
constexpr auto after_goodbye = 150ms;  ///< for the channel's own end to reach the other side
constexpr std::size_t block = 320;     ///< samples of 20 ms

std::int64_t ms_of(gst_call::clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

}  // namespace

// --- what GStreamer tells -------------------------------------------------------------------------

void gst_call::finish(int code, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (code_ == 0) {
    code_ = code;
    reason_ = std::move(reason);
  }
  is_finished_ = true;
}

void gst_call::be_set_up_by(clock::time_point t) {
  const std::lock_guard lock(mutex_);
  set_up_by_ = t;
}

void gst_call::fault(std::string what) { finish(1011, std::move(what)); }

void gst_call::connection_changed(int state) {
  if (state == connected) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(has_transport_, true)) packet_ms_ = ms_of(clock::now());
    }
    if (!check_fingerprint()) return;
    {
      const std::lock_guard lock(mutex_);
      is_connected_ = true;
    }
    opened();
  } else if (state == failed || state == is_closed) {
    finish(1006, "the connection is gone");
  }
}

void gst_call::channel_opens() {
  {
    const std::lock_guard lock(mutex_);
    channel_is_open_ = true;
  }
  if (check_fingerprint()) opened();
}

void gst_call::channel_closed() { finish(1006, "the other side closed its channel"); }

/// It stands when the other side is known, and the channel is open where there is one.
void gst_call::opened() {
  {
    const std::lock_guard lock(mutex_);
    if (is_open_ || is_finished_) return;
    if (has_channel_ ? !channel_is_open_ : !is_connected_) return;
    is_open_ = true;
    packet_ms_ = ms_of(clock::now());
  }
  if (events_.open) events_.open();
}

void gst_call::took(std::string_view message, bool is_text) {
  if (!check_fingerprint()) return;
  if (message.size() > limits_.message_bytes) return finish(1009, "a message is too long");
  {
    const std::lock_guard lock(mutex_);
    if (is_finished_ || closing_) return;
    if (is_paused_ && ++messages_while_paused_ > limits_.waiting_messages) {
      code_ = code_ == 0 ? 1008 : code_;
      reason_ = "more messages than are taken";
      is_finished_ = true;
      return;
    }
  }
  if (events_.message) events_.message(message, is_text);
}

void gst_call::heard(std::vector<float> samples) {
  if (!check_fingerprint()) return;
  {
    const std::lock_guard lock(mutex_);
    if (!is_open_ || is_finished_ || closing_) return;
    heard_ = clock::now();
  }
  sound_in_ += samples.size();
  const std::lock_guard lock(sound_mutex_);
  if (events_.sound) events_.sound(std::move(samples));
}

// --- time -----------------------------------------------------------------------------------------

void gst_call::pace(clock::time_point now) {
  std::vector<float> next;
  bool is_up = false, asks_again = false;
  {
    const std::lock_guard lock(mutex_);
    asks_again = has_transport_ && !is_connected_ && !is_finished_;
    is_up = is_open_ && !is_finished_;
    if (is_up) next = voice_.take();
  }
  if (asks_again) connection_changed(connected);  // its key was not to be read yet
  if (!is_up) return;
  push(std::move(next));
  fill_silence(now);
  if (++paces_ % 50 == 0) watch_jitter();
}

/// Who has nothing to say may send nothing; those behind us judge by samples who speaks.
void gst_call::fill_silence(clock::time_point now) {
  {
    const std::lock_guard lock(mutex_);
    if (!heard_ || now - *heard_ < quiet_track || closing_) return;
  }
  const std::lock_guard lock(sound_mutex_);
  if (events_.sound) events_.sound(std::vector<float>(block));
}

bool gst_call::is_finished(clock::time_point now) {
  bool is_late = false, is_silent = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_finished_) return true;
    if (!is_open_) {
      is_late = described_ && now - *described_ > std::chrono::milliseconds(limits_.connect_ms);
      if (!is_late) return closing_.has_value();
    } else {
      // A channel alone says something every 30 s.
      is_silent = ms_of(now) - packet_ms_ > limits_.silence_ms * (has_sound_ ? 1 : 4);
    }
  }
  if (is_late) finish(1006, "nobody came to the call in time");
  if (is_silent) finish(1006, "nothing was heard of the other side for too long");
  return is_late || is_silent || goodbye_is_said(now);
}

/// What is queued leaves, then the channel is closed, and a moment later the call is over.
bool gst_call::goodbye_is_said(clock::time_point now) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) return false;
    if (channel_closing_) return now - *channel_closing_ > after_goodbye;
    if (now - *closing_ < std::chrono::milliseconds(60)) return false;
  }
  if (channel_bytes() > 0) {
    const std::lock_guard lock(mutex_);
    if (now - *closing_ < std::chrono::milliseconds(limits_.close_ms)) return false;
  }
  close_channel();
  const std::lock_guard lock(mutex_);
  channel_closing_ = now;
  return false;
}

// --- call -----------------------------------------------------------------------------------------

bool gst_call::send(std::string message, bool is_text) {
  {
    const std::lock_guard lock(mutex_);
    if (is_finished_ || closing_) return false;
    if (!has_channel_) return true;  // sound alone: nobody reads
    if (!is_open_ || message.size() > most_message_bytes_) return false;
  }
  if (channel_bytes() + message.size() > limits_.queue_bytes) return false;
  return send_now(message, is_text);
}

void gst_call::close(int code, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (closing_ || is_finished_) return;
  closing_ = clock::now();
  code_ = code;
  reason_ = std::move(reason);
}

void gst_call::abort() { finish(1006, "cut"); }

std::size_t gst_call::queued_bytes() const { return channel_bytes(); }

void gst_call::pause_reading(bool paused) {
  const std::lock_guard lock(mutex_);
  is_paused_ = paused;
  messages_while_paused_ = 0;
}

std::size_t gst_call::play(std::span<const float> samples) {
  const std::lock_guard lock(mutex_);
  return is_open_ && !closing_ ? voice_.put(samples) : 0;
}

void gst_call::hush() {
  const std::lock_guard lock(mutex_);
  voice_.flush();
}

std::uint64_t gst_call::played() const {
  const std::lock_guard lock(mutex_);
  return voice_.left();
}

std::size_t gst_call::largest_message() const {
  const std::lock_guard lock(mutex_);
  return most_message_bytes_;
}

call_figures gst_call::figures() const {
  call_figures out;
  out.sound_in = sound_in_;
  out.lost_packets = lost_;
  out.late_packets = late_;
  out.packets = packets_;
  out.jitter_ms = jitter_ms_;
  const std::lock_guard lock(mutex_);
  out.sound_out = voice_.left() - voice_.dropped();
  out.dropped_out = voice_.dropped();
  out.holes_out = voice_.holes();
  return out;
}

}  // namespace hocket::gateway::webrtc
