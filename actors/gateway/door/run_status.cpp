#include "actors/gateway/door/run_status.hpp"

#include <utility>

#include "actors/gateway/edit/ask_run.hpp"

namespace hocket::gateway {

void run_status::start(std::string socket_path, told then) {
  path_ = std::move(socket_path);
  told_ = std::move(then);
}

void run_status::ask() {
  std::lock_guard lock(mutex_);
  if (is_over_ || !told_) return;
  is_wanted_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  wanted_.notify_one();
}

void run_status::stop() {
  {
    std::lock_guard lock(mutex_);
    is_over_ = true;
    wanted_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void run_status::work() {
  for (std::unique_lock lock(mutex_);;) {
    wanted_.wait(lock, [this] { return is_wanted_ || is_over_; });
    if (is_over_) return;
    is_wanted_ = false;
    lock.unlock();
    if (auto answer = ask_run(path_, "status"); !answer.empty()) told_(std::move(answer));
    lock.lock();
  }
}

}  // namespace hocket::gateway
