#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "graph/spec/plan.hpp"

namespace hocket::host {

/// Why a packet was not delivered. Every drop has exactly one reason.
enum class drop_reason : std::uint8_t {
  queue_full_oldest,  ///< policy drop_oldest made room
  queue_full_newest,  ///< policy drop_newest refused it
  replaced,           ///< policy latest kept a newer one
  too_old,            ///< max_age_ms
  old_epoch,          ///< an interruption made it stale
  actor_lost,         ///< the receiving actor is gone for good
  actor_restarting,   ///< it was at work in the component that failed
  bad_packet,         ///< a component emitted what its port does not declare
  late,               ///< came after its micro-turn was handed over and the policy forbids it
  session_closed,
  stopped,  ///< the graph stopped before it was taken
  rewired,  ///< its link or its receiver went with a rewire
};
inline constexpr int drop_reason_count = 12;
std::string_view to_string(drop_reason reason);

/// The accounting of one link. sent = delivered + sum(dropped) + in_flight, at all times.
struct link_account {
  std::string from;  ///< "mic.audio"; "mic.audio @edge" where it comes from another host
  std::string to;    ///< "ears.audio"; "ears.audio @gpu" where it goes to another host
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped[drop_reason_count] = {};
  std::uint64_t in_flight = 0;
  std::uint64_t depth_max = 0;
  std::uint64_t blocked_ns = 0;  ///< time senders waited for room
  double waiting_ms = 0;         ///< a sender waits for room right now, since; 0 = none does
  std::int32_t queue_size = 0;   ///< packets, of one session
  full_policy full = full_policy::block;
  bool back_edge = false;

  bool adds_up() const;
};

/// What one queue did with its packets. in_flight is counted, not computed from the others, so
/// that the law can be broken and seen to be.
struct account {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped[drop_reason_count] = {};
  std::uint64_t depth_max = 0;
  std::uint64_t blocked_ns = 0;

  void drop(drop_reason why, std::uint64_t n = 1) { dropped[static_cast<int>(why)] += n; }
  void add_to(link_account& out) const;
  void take(const account& other);
};

}  // namespace hocket::host
