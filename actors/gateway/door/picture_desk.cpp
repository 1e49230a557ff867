#include "actors/gateway/door/picture_desk.hpp"

#include <algorithm>

#include "actors/gateway/picture/decode.hpp"

namespace hocket::gateway {

int picture_desk::show(const void* who, std::string bytes, teller then) {
  const std::lock_guard lock(mutex_);
  if (is_over_) return 1;
  const auto old = std::ranges::find(jobs_, who, &job::who);
  const auto without = bytes_ - (old == jobs_.end() ? 0 : old->bytes.size());
  if (without + bytes.size() > most_bytes) return 1;
  bytes_ = without + bytes.size();
  if (old != jobs_.end()) {  // it keeps its turn
    old->bytes = std::move(bytes);
    old->then = std::move(then);
    return 1;
  }
  jobs_.push_back({who, std::move(bytes), std::move(then)});
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  wake_.notify_one();
  return 0;
}

void picture_desk::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    jobs_.clear();
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void picture_desk::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return is_over_ || !jobs_.empty(); });
    if (is_over_) return;
    const auto next = std::move(jobs_.front());
    jobs_.pop_front();
    bytes_ -= next.bytes.size();
    lock.unlock();
    next.then(decode_picture(next.bytes, side));
    lock.lock();
  }
}

}  // namespace hocket::gateway
