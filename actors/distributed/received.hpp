#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "graph/contract/packet.hpp"
#include "graph/schema/host_message.hpp"

namespace hocket::distributed {

/// What of one host's sending keeps its order on the way to another: the packets of a link, its
/// bounds and ends, which follow packets, and other messages (link 0: about the host as a whole).
struct ordered_channel {
  std::size_t host = 0;    ///< the other host, as `hosts` of the plan counts them
  std::uint32_t link = 0;  ///< its number on the wire
  wire::channel_kind which = wire::channel_kind::packets;

  static wire::channel_kind of(const wire::host_message& m);
  auto operator<=>(const ordered_channel&) const = default;
};
/// How much was sent, or has arrived, by channel.
using channel_counts = std::map<ordered_channel, std::uint64_t>;
channel_counts counts_of(const std::vector<wire::channel_count>& sent);
std::vector<wire::channel_count> to_message(const channel_counts& counts);

/// It opens, answers, starts or closes a session, or asks for one.
bool is_about_session(const wire::host_event& e);

/// The session that a message about a link is for.
session_id session_of(const wire::host_message& m);

/// Something that came off the wire.
struct received {
  std::uint32_t link = 0;  ///< its number on the wire; 0: about the host as a whole
  std::optional<packet> item;
  wire::host_message message;  ///< where there is no item
};

}  // namespace hocket::distributed
