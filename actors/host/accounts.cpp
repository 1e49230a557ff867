#include "actors/host/accounts.hpp"

#include <algorithm>

#include "graph/core/assert.hpp"

namespace hocket::host {

std::string_view to_string(drop_reason reason) {
  switch (reason) {
    case drop_reason::queue_full_oldest: return "queue_full_oldest";
    case drop_reason::queue_full_newest: return "queue_full_newest";
    case drop_reason::replaced: return "replaced";
    case drop_reason::too_old: return "too_old";
    case drop_reason::old_epoch: return "old_epoch";
    case drop_reason::actor_lost: return "actor_lost";
    case drop_reason::actor_restarting: return "actor_restarting";
    case drop_reason::bad_packet: return "bad_packet";
    case drop_reason::late: return "late";
    case drop_reason::session_closed: return "session_closed";
    case drop_reason::stopped: return "stopped";
    case drop_reason::rewired: return "rewired";
  }
  HOCKET_ASSERT(false);
}

bool link_account::adds_up() const {
  std::uint64_t gone = delivered + in_flight;
  for (const auto n : dropped) gone += n;
  return sent == gone;
}

void account::add_to(link_account& out) const {
  out.sent += sent;
  out.delivered += delivered;
  for (int i = 0; i < drop_reason_count; ++i) out.dropped[i] += dropped[i];
  out.depth_max = std::max(out.depth_max, depth_max);
  out.blocked_ns += blocked_ns;
}

void account::take(const account& other) {
  sent += other.sent;
  delivered += other.delivered;
  for (int i = 0; i < drop_reason_count; ++i) dropped[i] += other.dropped[i];
  depth_max = std::max(depth_max, other.depth_max);
  blocked_ns += other.blocked_ns;
}

}  // namespace hocket::host
