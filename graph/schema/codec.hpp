#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/packet.hpp"
#include "graph/core/result.hpp"

/// Packets to bytes and back, as `*.proto` in this folder define them.
namespace hocket::wire {

/// Why a packet could not cross.
enum class codec_error {
  malformed,        ///< the head is no message of ours
  unknown_payload,  ///< a body that this release does not know: count it and go on
  too_large,        ///< above a limit
  bad_bulk,         ///< a bulk frame is missing or too short
  bad_value,        ///< fields that contradict themselves or are out of range
};
std::string_view code_of(codec_error e);

/// What a peer can make us allocate or keep.
struct codec_limits {
  std::size_t head_bytes = 1u << 20;   ///< header and small fields, texts included
  std::size_t bulk_bytes = 64u << 20;  ///< all bulk frames of one packet together
  std::size_t bulk_frames = 256;
};

/// A packet ready to be sent: one message, then its bulk frames, none of which was copied.
struct encoded_packet {
  std::string head;
  std::vector<buffer> bulk;
};

/// Memory: bulk buffers are shared with the packet.
/// Errors: codec.too_large, codec.bad_value (the payload contradicts itself).
result<encoded_packet> encode(const packet& p, const codec_limits& limits = {});

/// Memory: bulk fields share the given frames; only a frame that is not aligned for its elements is
/// copied (counted by buffer::copies_made()). Never reads outside the given bytes.
/// Errors: all codes; the limits are checked before anything is allocated.
result<packet> decode(std::span<const std::byte> head, std::span<const buffer> bulk,
                      const codec_limits& limits = {});

/// Whether a text is well-formed UTF-8 (Unicode 15, table 3-7); only such texts cross.
bool is_utf8(std::string_view text);

/// 16 hexadecimal digits of the message definitions; two hosts compare theirs in the handshake.
std::string_view schema_hash();

}  // namespace hocket::wire
