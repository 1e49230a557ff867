// Tasks in virtual time, which stands still while one is worked on.
#include <algorithm>
#include <thread>

#include "actors/background/agent.hpp"
#include "actors/background/guarded.hpp"

namespace hocket::background {
namespace {

constexpr auto farewell = std::chrono::milliseconds(500);

}  // namespace

/// What a task reports, for an agent that waits for it: virtual time stands still meanwhile.
struct agent::waiting_room {
  std::mutex mutex;
  std::condition_variable came;
  std::deque<job_event> events;

  void put(job_event e) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(e));
    came.notify_all();
  }
  std::optional<job_event> take(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex);
    if (!came.wait_for(lock, limit, [&] { return !events.empty(); })) return std::nullopt;
    auto e = std::move(events.front());
    events.pop_front();
    return e;
  }
};

// Virtual time stands still while a task is worked on, at most its limit by the wall clock.
void agent::run_virtual(std::uint64_t id, request& r, emitter& out) {
  r.room = std::make_shared<waiting_room>();
  std::thread([j = r.work, setup = setup_, room = r.room] {
    work(j, setup, [room](job_event e) { room->put(std::move(e)); });
    setup->threads->leave();
  }).detach();
  follow(id, out);
}

// To its end, or until it asks the person: then virtual time goes on.
void agent::follow(std::uint64_t id, emitter& out) {
  const auto room = requests_[id].room;
  const auto j = requests_[id].work;
  auto end_ns = monotonic_ns() + config_.time_limit_ms * 1'000'000;
  while (requests_.contains(id)) {
    if (requests_[id].asking) return;
    context_.still_at_work();
    const auto left = std::chrono::milliseconds((end_ns - monotonic_ns()) / 1'000'000 + 1);
    if (auto e = room->take(std::clamp(left, std::chrono::milliseconds(0), farewell))) {
      take_event(*j, std::move(*e), out);
    } else if (monotonic_ns() >= end_ns) {
      if (j->cancelled) break;  // its thread is left behind
      give_up(id, config_.time_limit_ms, out);
      end_ns = monotonic_ns() + std::chrono::nanoseconds(farewell).count();
    }
  }
  requests_.erase(id);
}

}  // namespace hocket::background
