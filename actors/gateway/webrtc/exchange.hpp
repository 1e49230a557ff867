#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/gateway/webrtc/peer.hpp"

namespace hocket::gateway::webrtc {

/// Whether calls can be served here: nothing, or what is missing and the Debian package that has it
/// (gateway.no_webrtc).
result<void> available();

/// All calls of a gateway, on GStreamer's webrtcbin and libnice.
///
/// Threads: two of its own for all calls: one sets up and ends them, one gives each its sound every 20 ms
/// and watches its times. Each call has those of its pipeline besides. `done` is called on the first, or on
/// the caller's where it is refused at once; events on threads of the call, of these two, or of `stop`'s
/// caller.
class exchange {
 public:
  struct options {
    call_limits limits;
    std::vector<std::string> addresses;  ///< where calls come in; empty: all of this machine
    std::string stun;  ///< stun://host:port, to learn the address before a NAT; empty: none
    /// turn://user:key@host:port, escaped, or turns: a relay where UDP is not let through; empty: none.
    std::string turn;
    /// A GStreamer source whose pictures go with this side's offers; empty: none.
    std::string shows;
    std::size_t setups = 32;  ///< that wait at once; beyond: gateway.busy
  };
  struct set_up {
    std::shared_ptr<webrtc::call> call;
    std::string sdp;  ///< our answer or offer, with all our candidates
  };
  using done = std::function<void(result<set_up>)>;

  explicit exchange(options o);
  ~exchange();  ///< stop()

  /// Somebody calls. Errors, to `then`: gateway.busy, gateway.bad_sdp, gateway.no_webrtc, gateway.webrtc
  /// (what GStreamer said).
  void answer(description offer, call_events events, done then);
  /// Calls somebody: sound both ways, and a data channel of that name.
  void offer(std::string channel, call_events events, done then);

  /// Calls now, set-ups included.
  std::size_t calls() const;
  /// Ends all calls, says goodbye to each for at most `drain_ms`; nothing is called afterwards.
  void stop(int drain_ms);

  class impl;

 private:
  std::shared_ptr<impl> impl_;
};

}  // namespace hocket::gateway::webrtc
