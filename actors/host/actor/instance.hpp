#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "actors/host/observer.hpp"
#include "graph/contract/component.hpp"

namespace hocket::host {

/// Stream time as one instance is told it. While calls are traced it keeps what it said in a call: a
/// component that asks for the time can only be run again by being told the same.
class told_clock final : public clock {
 public:
  explicit told_clock(const clock& time) : time_(time) {}
  timestamp now() const override {
    const auto t = time_.now();
    if (caller_.load(std::memory_order_relaxed) == std::this_thread::get_id()) said_.push_back(t);
    return t;
  }
  bool is_virtual() const override { return time_.is_virtual(); }
  void call_begins() {
    said_.clear();
    caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  void call_ends() { caller_.store({}, std::memory_order_relaxed); }
  std::span<const timestamp> said() const { return said_; }

 private:
  const clock& time_;
  std::atomic<std::thread::id> caller_{};  ///< other threads of the component are not in the call
  mutable std::vector<timestamp> said_;
};

/// One life of a component: a restart makes a new one.
struct instance {
  std::uint64_t life = 0;            ///< counts up over the run, whatever the actor
  std::shared_ptr<told_clock> time;  ///< while calls are traced
  /// Its opening, where observers do not know the actor yet: told before its first call.
  std::optional<std::pair<call_record, std::vector<timestamp>>> untold;
  std::unique_ptr<hocket::component> component;
  context surroundings;
  std::mutex emitting;     ///< held per emit, so that a written-off thread is cut off cleanly
  bool abandoned = false;  ///< under `emitting`
  std::atomic<int> pending_work{0};  ///< work under way whose outcome will still be emitted
};

}  // namespace hocket::host
