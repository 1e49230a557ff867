#pragma once

#include <string>
#include <string_view>

#include "graph/contract/packet.hpp"
#include "graph/core/result.hpp"
#include "graph/schema/codec.hpp"

/// Packets as files keep them: one `RecordedPacket` message (record.proto) each.
namespace hocket::wire {

inline constexpr std::string_view recorded_name = "hocket.wire.RecordedPacket";

/// Appends the message to `out`, which is left as it was where that fails.
/// Memory: bulk bytes are copied once, into `out`.
/// Errors: those of encode().
result<void> append_recorded(const packet& p, std::string& out, const codec_limits& limits = {});

/// Memory: bulk fields share `message` where they are aligned for their elements, else they are
/// copied. Errors: those of decode(); codec.malformed where this is no such message.
result<packet> read_recorded(const buffer& message, const codec_limits& limits = {});

/// The definition of the message with all that it needs, as a serialised `FileDescriptorSet`: what
/// a reader without our headers decodes it with.
std::string recorded_descriptors();

}  // namespace hocket::wire
