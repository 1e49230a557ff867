#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/webrtc/exchange.hpp"
#include "actors/gateway/webrtc/voice_queue.hpp"

struct _GstElement;  // GStreamer's own names; its headers stay in .cpp files
struct _GObject;

namespace hocket::gateway::webrtc {

/// One call on a pipeline of its own:
///
///     voice_queue -> appsrc -> opusenc -> rtpopuspay -> webrtcbin -> rtpopusdepay -> opusdec -> appsink
///                                                                 -> rtpvp8depay -> vp8dec -> appsink
///
/// `negotiate` and `end` belong to the exchange's worker, `pace` to its pacer, the rest to anybody.
/// GStreamer's threads reach it through weak references: none of them keeps it.
class gst_call final : public call, public std::enable_shared_from_this<gst_call> {
 public:
  using clock = std::chrono::steady_clock;
  gst_call(const exchange::options& o, call_events events);
  ~gst_call() override;

  /// The worker's waits for GStreamer end then, all together. Before `answer` and `offer`.
  void be_set_up_by(clock::time_point t);

  // The worker.
  result<std::string> answer(description offer);
  result<std::string> offer(const std::string& channel);
  void end();

  // The pacer.
  void pace(clock::time_point now);
  /// What happened that ends it, once.
  bool is_finished(clock::time_point now);

  // call
  bool send(std::string message, bool is_text) override;
  void close(int code, std::string reason) override;
  void abort() override;
  std::size_t queued_bytes() const override;
  void pause_reading(bool paused) override;
  const std::string& peer() const override { return peer_; }
  std::size_t play(std::span<const float> samples) override;
  void hush() override;
  std::uint64_t played() const override;
  std::size_t largest_message() const override;
  call_figures figures() const override;
  result<void> accept(const description& answer) override;

 private:
  std::size_t taken_by(const medium& data) const;
  struct parts;  // GStreamer's objects
  friend struct signals;

  // gst_pipeline.cpp
  result<void> build(const description& d, bool sends);
  result<void> set_description(const char* which, int type, const std::string& sdp);
  result<description> describe(const char* how, const char* what);
  result<void> gather();
  std::chrono::milliseconds left() const;
  void element_added(_GstElement* e);
  void pad_added(_GObject* pad);
  bool takes_sctp(std::span<const std::uint8_t> packet);
  bool is_newest(_GObject* ear);
  void jitter_added(_GstElement* e, std::uint32_t ssrc);
  void hears(_GObject* pad);
  void channel_made(_GObject* channel);
  void push(std::vector<float> block);
  void watch_jitter();
  bool check_fingerprint();
  bool send_now(const std::string& message, bool is_text);
  std::size_t channel_bytes() const;
  void close_channel();
  void hold_back_sctp();
  // gst_pictures.cpp
  bool takes_pictures() const;
  void sees(_GObject* pad);
  void saw(shown_picture p);

  void channel_opens();
  void channel_closed();
  void took(std::string_view message, bool is_text);
  void heard(std::vector<float> samples);
  void connection_changed(int state);
  void fault(std::string what);
  void opened();
  void fill_silence(clock::time_point now);
  void finish(int code, std::string reason);
  bool goodbye_is_said(clock::time_point now);

  const call_limits limits_;
  const std::vector<std::string> addresses_;
  const std::string stun_, turn_, shows_;
  const std::string peer_ = "webrtc";
  call_events events_;  ///< empty after the end
  const std::unique_ptr<parts> gst_;

  mutable std::mutex
      mutex_;  ///< of everything below; never held while GStreamer or an event is called
  std::condition_variable changed_;
  std::vector<std::string> candidates_;
  bool has_gathered_ = false, has_sound_ = false, has_channel_ = false;
  std::string fingerprint_;  ///< of the other side's description
  bool is_open_ = false, is_connected_ = false, has_transport_ = false, channel_is_open_ = false;
  std::size_t messages_while_paused_ = 0;
  bool is_paused_ = false;
  std::optional<clock::time_point> set_up_by_, described_, closing_, channel_closing_;
  int code_ = 0;  ///< how it ends; 0: it does not yet
  bool is_finished_ = false;
  std::string reason_;
  std::size_t most_message_bytes_ = 0;  ///< that the other side takes
  voice_queue voice_;
  std::optional<clock::time_point> heard_;  ///< when sound came last

  std::mutex sound_mutex_;                   ///< `events_.sound` is called by one at a time
  std::atomic<std::int64_t> packet_ms_ = 0;  ///< when a packet came last
  std::atomic<std::uint64_t> sound_in_ = 0;
  std::atomic<bool> is_checked_ = false;  ///< the other side has the key that its description told
  std::uint64_t late_before_ = 0;
  int calm_ = 0, paces_ = 0;
  std::atomic<int> sources_ = 0;  ///< of sound and pictures, since the beginning
  std::atomic<std::uint32_t> pictures_ssrc_ = 0;
  std::atomic<int> jitter_ms_;
  std::atomic<std::uint64_t> lost_ = 0, late_ = 0, packets_ = 0;
};

}  // namespace hocket::gateway::webrtc
