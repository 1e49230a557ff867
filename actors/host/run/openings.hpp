#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/host/fwd.hpp"
#include "graph/core/result.hpp"

namespace hocket::host {

/// Which cells are opening, and how it went, until they are forgotten.
///
/// Threads: any. Its mutex is a leaf.
class openings {
 public:
  /// Lets the cells open, downstream first: an actor that emits finds its receivers open. `wait`:
  /// one after the other, until one does not. Errors: host.open_failed.
  result<void> open(const std::vector<std::shared_ptr<actor_cell>>& cells, bool wait);
  /// One of them has opened, or will not; false: nobody had asked it to.
  bool opened(const actor_cell& c, const result<void>& how);
  /// How one of them opened; none: not by `until_ns` (monotonic), or `give_up` became true.
  std::optional<result<void>> wait_for(const actor_cell& c, std::int64_t until_ns,
                                       const std::function<bool()>& give_up);
  /// The same without waiting; none: not yet.
  std::optional<result<void>> how(const actor_cell& c) const;
  void forget(const actor_cell& c);

 private:
  struct opening {
    bool done = false;
    result<void> how;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<const actor_cell*, opening> cells_;
};

}  // namespace hocket::host
