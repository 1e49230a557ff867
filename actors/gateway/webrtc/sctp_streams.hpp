#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

namespace hocket::gateway::webrtc {

/// On how many streams of SCTP the other side speaks. Each costs GStreamer two threads with the first
/// message on it, and there may be 65536: so packets are looked at before GStreamer has them.
/// Threads: one.
class sctp_streams {
 public:
  static constexpr std::size_t most = 8;  ///< one channel is used; a client may open some more

  /// A packet of SCTP (RFC 9260): false where it would begin one stream too many. A chunk that is cut
  /// off ends the look: SCTP does not take it either.
  bool admits(std::span<const std::uint8_t> packet) {
    constexpr std::size_t header = 12, least_chunk = 4, data_chunk = 12;
    constexpr std::uint8_t data = 0, interleaved_data = 64;
    for (std::size_t at = header; at + least_chunk <= packet.size();) {
      const auto length = number(packet, at + 2);
      if (length < least_chunk) break;
      const auto kind = packet[at];
      if ((kind == data || kind == interleaved_data) && at + data_chunk <= packet.size()) {
        seen_.insert(number(packet, at + 8));
        if (seen_.size() > most) return false;
      }
      at += (length + 3u) / 4 * 4;
    }
    return true;
  }

 private:
  static std::uint16_t number(std::span<const std::uint8_t> p, std::size_t at) {
    return static_cast<std::uint16_t>(p[at] << 8 | p[at + 1]);
  }
  std::set<std::uint16_t> seen_;
};

}  // namespace hocket::gateway::webrtc
