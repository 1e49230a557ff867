#include "actors/host/status.hpp"

#include "graph/core/assert.hpp"

namespace hocket::host {

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

bool snapshot::law_holds() const {
  for (const auto& link : links)
    if (!link.adds_up()) return false;
  for (const auto& wire : wires)
    if (!wire.adds_up()) return false;
  return true;
}

}  // namespace hocket::host
