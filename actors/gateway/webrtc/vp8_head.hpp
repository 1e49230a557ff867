#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace hocket::gateway::webrtc {

struct picture_size {
  int width = 0, height = 0;
};

/// The size that a frame of VP8 says, where it is one that begins anew (a key frame).
/// Source: RFC 6386, 9.1.
inline std::optional<picture_size> vp8_size(std::span<const std::uint8_t> frame) {
  if (frame.size() < 10 || (frame[0] & 1) != 0) return std::nullopt;
  if (frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a) return std::nullopt;
  return picture_size{(frame[6] | frame[7] << 8) & 0x3fff, (frame[8] | frame[9] << 8) & 0x3fff};
}

}  // namespace hocket::gateway::webrtc
