#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "actors/host/actor/input_queue.hpp"
#include "graph/contract/component.hpp"

namespace hocket::host {

/// Where the content of a call comes from: its oldest input.
struct origin {
  bool known = false;
  timestamp ts;
  std::int64_t ns = 0;
  std::int64_t queued_ns = 0;
  trace hops;
  void note(const queued_packet& e);
};

/// What a cell took from its queues for the component: packets one by one, or sets.
///
/// Threads: its content belongs to the holder of the cell's token; settle(), drop_rest() and
/// rescue() are under the cell's mutex, too. A thread that hangs may still read the item it is at.
struct batch {
  struct item {
    queued_packet what;
    input_queue* from = nullptr;
    bool dropped = false;
    drop_reason why = drop_reason::too_old;
    void drop(drop_reason reason) {
      dropped = true;
      why = reason;
    }
  };
  std::vector<item> items;
  std::size_t at = 0;       ///< items before it are done
  std::size_t settled = 0;  ///< items before it are in the books
  std::vector<bundle> bundles;
  std::vector<origin> bundle_origins;
  std::vector<std::pair<input_queue*, std::uint64_t>> bundle_uses;
  bool bundles_failed = false;

  bool empty() const { return at == items.size() && bundles.empty(); }
  bool has_item() const { return at < items.size(); }
  /// What is done goes into the books of its queue.
  void settle();
  /// What is not done will not be.
  void drop_rest(drop_reason why);
  /// The component hangs in a call with it: what it has is lost, the rest comes back as another
  /// batch. `in_item`: it is in a call with the item that it is at.
  std::shared_ptr<batch> rescue(bool in_item);

 private:
  void clear_bundles();
};

}  // namespace hocket::host
