#pragma once

#include <atomic>
#include <mutex>

#include "graph/contract/packet.hpp"

namespace hocket::host {

/// One conversation.
struct session_state {
  explicit session_state(session_id i) : id(i) {}
  const session_id id;
  std::atomic<epoch_number> epoch{0};
  std::atomic<bool> closing{false};
  std::atomic<bool> begun{false};  ///< its sources go
  std::mutex interrupting;         ///< no observer is called under it: it may interrupt, too
};

/// A conversation to begin with: its number, and the epoch that it has elsewhere.
struct session_start {
  session_id id = session_id::none;
  epoch_number epoch = 0;
};

}  // namespace hocket::host
