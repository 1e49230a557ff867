#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "graph/contract/packet.hpp"
#include "graph/schema/host_message.hpp"

namespace hocket::distributed {

/// What of one host's sending keeps its order on the way to another: the packets of a link, its
/// bounds and ends, which follow packets, and other messages (link 0: about the host as a whole).
struct ordered_channel {
  enum class channel_kind : std::int64_t { packets, ends, messages };
  std::size_t host = 0;    ///< the other host, as `hosts` of the plan counts them
  std::uint32_t link = 0;  ///< its number on the wire
  channel_kind which = channel_kind::packets;

  /// For a message between hosts: one number, and back. A stranger's number gives a strange channel.
  std::int64_t pack() const;
  static ordered_channel unpack(std::int64_t number);
  static channel_kind of(const wire::host_message& m);
  auto operator<=>(const ordered_channel&) const = default;
};
/// How much was sent, or has arrived, by channel.
using channel_counts = std::map<ordered_channel, std::int64_t>;

/// Something that came off the wire.
struct received {
  std::uint32_t link = 0;  ///< its number on the wire; 0: about the host as a whole
  std::optional<packet> item;
  wire::host_message message;  ///< where there is no item
};

}  // namespace hocket::distributed
