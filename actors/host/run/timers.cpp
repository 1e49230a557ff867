#include "actors/host/run/timers.hpp"

#include <chrono>

namespace hocket::host {

void timers::add(std::int64_t when_ns, int rank, task run, bool passive) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  list_.emplace(key{when_ns, rank, numbers_++}, due{when_ns, rank, std::move(run), passive});
  if (!passive) ++active_;
  changed_.notify_one();
}

std::optional<timers::due> timers::take_next() {
  std::lock_guard lock(mutex_);
  if (list_.empty()) return std::nullopt;
  auto node = list_.extract(list_.begin());
  if (!node.mapped().passive) --active_;
  return std::move(node.mapped());
}

std::optional<std::pair<std::int64_t, int>> timers::next() const {
  std::lock_guard lock(mutex_);
  if (list_.empty()) return std::nullopt;
  return std::pair(list_.begin()->first.when_ns, list_.begin()->first.rank);
}

bool timers::has_active() const {
  std::lock_guard lock(mutex_);
  return active_ > 0;
}

void timers::follow() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (list_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto when = std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(list_.begin()->first.when_ns));
    if (std::chrono::steady_clock::now() < when) {
      changed_.wait_until(lock, when);
      continue;
    }
    auto node = list_.extract(list_.begin());
    if (!node.mapped().passive) --active_;
    lock.unlock();
    node.mapped().run();
    lock.lock();
  }
  list_.clear();
}

void timers::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace hocket::host
