#include "actors/host/run/virtual_loop.hpp"

#include "actors/host/actor/actor_cell.hpp"

namespace hocket::host {

void virtual_loop::begin() {
  thread_ = std::thread([self = shared_from_this()] { loop(self, 0); });
  run_.on_notify = [this] {
    std::lock_guard lock(mutex_);
    notified_ = true;
    changed_.notify_all();
  };
}

void virtual_loop::post(actor_cell& c) {
  std::lock_guard lock(mutex_);
  ready_.push_back(c.shared_from_this());
  changed_.notify_all();
}

void virtual_loop::inside(std::function<void()> f) {
  std::lock_guard lock(mutex_);
  commands_.push_back(std::move(f));
  changed_.notify_all();
}

void virtual_loop::write_off(actor_cell&) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  const auto generation = ++generation_;
  left_behind_ = true;
  thread_.detach();
  thread_ = std::thread([self = shared_from_this(), generation] { loop(self, generation); });
}

void virtual_loop::loop(const std::shared_ptr<virtual_loop>& self, std::uint64_t generation) {
  while (self->step(generation)) {
  }
}

bool virtual_loop::step(std::uint64_t generation) {
  std::unique_lock lock(mutex_);
  if (stopped_ || generation != generation_) return false;
  if (!commands_.empty()) {
    auto f = std::move(commands_.front());
    commands_.pop_front();
    lock.unlock();
    f();
    return true;
  }
  if (!ready_.empty()) {
    auto c = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    c->run();
    // A written-off thread finds another generation in the next step, and ends.
    return true;
  }
  notified_ = false;
  lock.unlock();
  if (run_.end.next_virtual()) return true;
  lock.lock();
  changed_.wait(lock, [&] {
    return stopped_ || notified_ || !ready_.empty() || !commands_.empty() ||
           generation != generation_;
  });
  return true;
}

void virtual_loop::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace hocket::host
