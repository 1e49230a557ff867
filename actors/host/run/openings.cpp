#include "actors/host/run/openings.hpp"

#include <chrono>

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"

namespace hocket::host {

result<void> openings::open(const std::vector<std::shared_ptr<actor_cell>>& cells, bool wait) {
  for (auto it = cells.rbegin(); it != cells.rend(); ++it) {
    auto& c = *it;
    {
      std::lock_guard lock(mutex_);
      cells_[c.get()] = {};
    }
    c->request_open();
    if (!wait) continue;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return cells_[c.get()].done; });
    if (auto& how = cells_[c.get()].how; !how)
      return fail("host.open_failed",
                  fmt::format("{} ({}) did not open: {} [{}]", c->id().name, c->id().info.type,
                              how.error().message, how.error().code));
  }
  return {};
}

bool openings::opened(const actor_cell& c, const result<void>& how) {
  std::lock_guard lock(mutex_);
  const auto it = cells_.find(&c);
  if (it == cells_.end()) return false;
  it->second.done = true;
  it->second.how = how;
  changed_.notify_all();
  return true;
}

std::optional<result<void>> openings::wait_for(const actor_cell& c, std::int64_t until_ns,
                                               const std::function<bool()>& give_up) {
  std::unique_lock lock(mutex_);
  while (!cells_[&c].done && monotonic_ns() < until_ns && !give_up())
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  if (!cells_[&c].done) return {};
  return cells_[&c].how;
}

std::optional<result<void>> openings::how(const actor_cell& c) const {
  std::lock_guard lock(mutex_);
  const auto it = cells_.find(&c);
  if (it == cells_.end() || !it->second.done) return {};
  return it->second.how;
}

void openings::forget(const actor_cell& c) {
  std::lock_guard lock(mutex_);
  cells_.erase(&c);
}

}  // namespace hocket::host
