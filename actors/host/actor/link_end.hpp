#pragma once

#include <memory>

#include "actors/host/fwd.hpp"

namespace hocket::host {

/// One way out of a cell: the queue of a link at its receiver.
struct link_end {
  std::shared_ptr<actor_cell> to;
  std::shared_ptr<input_queue> queue;
  /// The sender goes with a rewire, and another instance goes on with this link: it does not end.
  bool handed_over = false;
};

}  // namespace hocket::host
