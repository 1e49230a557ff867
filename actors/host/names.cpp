#include "actors/host/runtime.hpp"
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

std::string_view to_string(actor_state state) {
  switch (state) {
    case actor_state::starting: return "starting";
    case actor_state::idle: return "idle";
    case actor_state::running: return "running";
    case actor_state::blocked: return "blocked";
    case actor_state::restarting: return "restarting";
    case actor_state::hung: return "hung";
    case actor_state::lost: return "lost";
    case actor_state::draining: return "draining";
    case actor_state::stopped: return "stopped";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(call_kind kind) {
  switch (kind) {
    case call_kind::open: return "open";
    case call_kind::packet: return "packet";
    case call_kind::sets: return "sets";
    case call_kind::produce: return "produce";
    case call_kind::tick: return "tick";
    case call_kind::control: return "control";
    case call_kind::task: return "task";
    case call_kind::close: return "close";
  }
  HOCKET_ASSERT(false);
}

bool link_account::adds_up() const {
  std::uint64_t gone = delivered + in_flight;
  for (const auto n : dropped) gone += n;
  return sent == gone;
}

bool snapshot::law_holds() const {
  for (const auto& link : links)
    if (!link.adds_up()) return false;
  for (const auto& wire : wires)
    if (!wire.adds_up()) return false;
  return true;
}

}  // namespace hocket::host
