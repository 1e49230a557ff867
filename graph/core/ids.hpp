#pragma once

#include <cstdint>
#include <functional>

namespace hocket {

/// One conversation. 0 is "no session": control that concerns the whole graph.
enum class session_id : std::uint64_t { none = 0 };

/// A counter per session that an interruption raises; older packets are dropped everywhere.
using epoch_number = std::uint32_t;

/// Index of an actor in the validated plan; also names the hop in a packet's trace.
using actor_index = std::uint16_t;

}  // namespace hocket
