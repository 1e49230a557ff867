#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "actors/gateway/webrtc/exchange.hpp"
#include "actors/http/websocket.hpp"
#include "graph/core/result.hpp"
#include "tools/hocket/eval/served_program.hpp"

namespace hocket::cli {

/// A `hocket serve` of its own, as a child process at a free port of loopback. Ends with this object.
class served_gateway {
 public:
  /// Errors: bench.no_server, with what it said.
  static result<std::unique_ptr<served_gateway>> start(const std::string& graph,
                                                       const std::string& folder,
                                                       const std::vector<std::string>& options);

  const std::string& url() const { return url_; }  ///< ws://127.0.0.1:PORT
  double rss_mib() const { return program_->rss_mib(); }
  /// CPU time that it has used so far.
  double cpu_seconds() const { return program_->cpu_seconds(); }

 private:
  std::unique_ptr<served_program> program_;
  std::string url_;
};

/// One client of the gateway that talks and listens, by Hocket's own protocol: a second of sound, a second
/// of silence, for ever, at the pace of the clock.
///
/// Threads: `speak` of one thread; events come on the WebSocket client's, or the call's.
class talking_client {
 public:
  /// How long a burst took from the mouth to the ear: to the model's micro-turn that heard it, or, of an
  /// `echo`, to its own first loud sample, as it is heard where sound is played as it comes.
  struct heard_burst {
    double total_ms = 0;
    // Of the model's micro-turn, what the total is made of; nothing of an echo.
    double until_turn_over_ms = 0;  ///< from the mouth to the end of the micro-turn that heard it
    double waits_ms = 0;     ///< for what completes it, for the others, and on every way within
    double computes_ms = 0;  ///< the step, of all who were in it
    double back_ms = 0;      ///< from the gateway, more than the quickest event of all took
  };
  enum class answers : std::uint8_t { model, echo };
  talking_client(http::websocket_client& by, const std::string& url, bool starts,
                 answers with = answers::model);
  /// Over a call: sound goes over its track, events over its channel.
  talking_client(gateway::webrtc::exchange& by, const std::string& url,
                 answers with = answers::model);

  /// Sends what is due by now; `phase_ms` moves its bursts against those of others.
  void speak(std::int64_t now_ms, std::int64_t phase_ms);
  void stop_reading();
  void close();

  bool is_open() const { return open_; }
  bool is_talking() const { return hello_at_ns_ > 0; }
  bool is_refused() const { return refused_; }
  /// Where it is refused, or its connection ended: why, in words.
  std::string why() const;
  std::int64_t hello_after_ns() const { return hello_at_ns_ - asked_at_ns_; }
  std::int64_t bursts() const { return bursts_; }
  /// Of its last burst, which may still be heard.
  bool waits_to_be_heard() const;
  std::vector<heard_burst> take_heard();

 private:
  void take(std::string_view message);
  void take_up(std::shared_ptr<http::websocket> socket);
  void ring(const gateway::webrtc::exchange::set_up& ours, const std::string& url);
  void refuse(std::string why);
  void ended(int code, const std::string& why);
  struct turn {
    double left_ms, over_ms, compute_ms, level;  ///< times of the session's clock
  };
  void on_turn(double at_ms, const turn& t);
  void on_voice(double at_ms, std::span<const float> samples);

  std::shared_ptr<http::websocket> socket_;
  std::shared_ptr<gateway::webrtc::call> call_;  ///< the same, where it is one
  mutable std::mutex mutex_;
  std::atomic<bool> open_{false}, refused_{false};
  const bool starts_;
  const answers with_;
  const std::int64_t asked_at_ns_;
  std::atomic<std::int64_t> hello_at_ns_{0}, bursts_{0};
  std::string why_;
  double offset_ms_ = 0;  ///< of the session's clock, as the quickest event showed it
  bool has_offset_ = false;
  std::int64_t sent_ms_ = -1;  ///< of sound
  double burst_at_ms_ = -1;    ///< on our clock; -1: none is waited for
  std::vector<heard_burst> heard_;
};

std::int64_t bench_now_ns();

}  // namespace hocket::cli
