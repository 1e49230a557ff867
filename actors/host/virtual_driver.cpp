#include "actors/host/virtual_driver.hpp"

#include "actors/host/cell.hpp"

namespace hocket::host {

void virtual_driver::begin() {
  thread_ = std::thread([self = shared_from_this()] { loop(self, 0); });
  world_.on_poke = [this] {
    std::lock_guard lock(mutex_);
    poked_ = true;
    changed_.notify_all();
  };
}

void virtual_driver::post(cell& c) {
  std::lock_guard lock(mutex_);
  ready_.push_back(c.shared_from_this());
  changed_.notify_all();
}

void virtual_driver::inside(std::function<void()> f) {
  std::lock_guard lock(mutex_);
  commands_.push_back(std::move(f));
  changed_.notify_all();
}

void virtual_driver::write_off(cell&) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  const auto life = ++life_;
  left_behind_ = true;
  thread_.detach();
  thread_ = std::thread([self = shared_from_this(), life] { loop(self, life); });
}

void virtual_driver::loop(const std::shared_ptr<virtual_driver>& self, std::uint64_t life) {
  while (self->step(life)) {
  }
}

bool virtual_driver::step(std::uint64_t life) {
  std::unique_lock lock(mutex_);
  if (stopped_ || life != life_) return false;
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
    // A written-off thread finds another life in the next step, and leaves.
    return true;
  }
  poked_ = false;
  lock.unlock();
  if (world_.next_virtual()) return true;
  lock.lock();
  changed_.wait(lock, [&] {
    return stopped_ || poked_ || !ready_.empty() || !commands_.empty() || life != life_;
  });
  return true;
}

void virtual_driver::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace hocket::host
