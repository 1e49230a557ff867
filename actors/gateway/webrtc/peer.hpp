#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/webrtc/description.hpp"
#include "actors/http/websocket.hpp"

namespace hocket::gateway::webrtc {

/// Bounds of one call, and of all. Every one that is met is counted.
struct call_limits {
  int setup_ms = 5'000;                    ///< from an offer to its answer
  int connect_ms = 15'000;                 ///< from the answer to the first secure packet
  int silence_ms = 20'000;                 ///< without any packet of the other side: it is gone
  int close_ms = 1'000;                    ///< for what is queued, at the end
  int jitter_ms = 60;                      ///< a packet that is missing is waited for so long
  int most_jitter_ms = 500;                ///< and so long on a bad network
  int voice_margin_ms = 40;                ///< a voice begins so late; 0 for one that comes evenly
  std::size_t message_bytes = 256 * 1024;  ///< outgoing; incoming: 64 KiB, as our answer says
  std::size_t queue_bytes = 1 << 20;       ///< outgoing, waiting
  std::size_t waiting_messages = 256;      ///< incoming, while nobody takes them; then it ends
};

/// What the other side shows: RGB, u8 [height, width, 3], at most 640 x 480.
struct shown_picture {
  std::int32_t width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};

/// Called on threads of the call, one at a time for each kind; none may block.
struct call_events {
  /// The other side speaks: 16 kHz mono, as it comes; holes of the network are filled.
  std::function<void(std::vector<float> samples)> sound;
  /// The other side shows something, at most ten a second. Where nobody takes them its pictures are refused.
  std::function<void(shown_picture)> picture;
  std::function<void(std::string_view message, bool is_text)> message;
  /// Once: sound flows, and messages can be sent.
  std::function<void()> open;
  /// Once, at the end, whether it was open before or not; codes as those of a WebSocket: that of `close`
  /// where this side closed it, else 1006 (gone), 1009 (too long a message), 1008 (too many), 1011 (a fault).
  std::function<void(int code, const std::string& reason)> closed;
};

/// Both directions' sound, counted since the beginning.
struct call_figures {
  std::uint64_t sound_in = 0;      ///< samples
  std::uint64_t sound_out = 0;     ///< samples of the voice that were said
  std::uint64_t dropped_out = 0;   ///< samples of the voice that were not
  std::uint64_t holes_out = 0;     ///< the voice was late
  std::uint64_t lost_packets = 0;  ///< of the other side, given up
  std::uint64_t late_packets = 0;  ///< of the other side, after they were given up
  std::uint64_t packets = 0;       ///< of the other side, in time
  int jitter_ms = 0;               ///< how long a missing packet is waited for now
};

/// One WebRTC call: messages over its data channel as over a WebSocket, and sound over a track each way.
///
/// Threads: any. Keeping it alive does not keep the call.
class call : public http::websocket {
 public:
  /// What is said next, 16 kHz mono; leaves at the pace of the clock. How many samples had to go.
  virtual std::size_t play(std::span<const float> samples) = 0;
  /// What was not said yet is not said.
  virtual void hush() = 0;
  /// Samples that were given to `play` and wait no more: said, or dropped.
  virtual std::uint64_t played() const = 0;
  virtual call_figures figures() const = 0;
  /// What the other side takes at once; a longer message is not sent.
  virtual std::size_t largest_message() const = 0;
  /// The answer to this side's offer. Errors: gateway.bad_sdp, gateway.webrtc.
  virtual result<void> accept(const description& answer) = 0;
};

}  // namespace hocket::gateway::webrtc
