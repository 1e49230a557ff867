#include "actors/webhook/outbox.hpp"

#include <algorithm>
#include <chrono>

namespace hocket::webhook {
namespace {
constexpr int backoff_max_ms = 60'000;
}  // namespace

outbox::outbox(outbox_limits limits, sender send)
    : limits_(limits), send_(std::move(send)), thread_([this] { run(); }) {}

outbox::~outbox() { end(); }

bool outbox::put(std::string body) {
  std::lock_guard lock(mutex_);
  if (over_ || waiting_.size() >= limits_.waiting || bytes_ + body.size() > limits_.bytes) {
    ++figures_.dropped;
    return false;
  }
  bytes_ += body.size();
  waiting_.push_back({++last_, std::move(body)});
  changed_.notify_all();
  return true;
}

void outbox::wait(std::int64_t limit_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(limit_ms),
                    [&] { return over_ || (waiting_.empty() && !sending_); });
}

void outbox::end() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    figures_.dropped += waiting_.size();
    waiting_.clear();
    bytes_ = 0;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

outbox::figures outbox::so_far() const {
  std::lock_guard lock(mutex_);
  return figures_;
}

/// False: it is over.
bool outbox::pause(std::unique_lock<std::mutex>& lock, int ms) {
  return !changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return over_; });
}

void outbox::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto d = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= d.body.size();
    sending_ = true;
    auto what = fate::again;
    int backoff_ms = limits_.backoff_ms;
    for (int n = 1; what == fate::again && !over_; ++n) {
      lock.unlock();
      what = send_(d);
      lock.lock();
      if (what != fate::again || n >= limits_.tries || over_) break;
      ++figures_.retried;
      if (!pause(lock, backoff_ms)) break;
      backoff_ms = std::min(backoff_ms * 2, backoff_max_ms);
    }
    if (what == fate::delivered)
      ++figures_.delivered;
    else if (what == fate::refused)
      ++figures_.refused;
    else
      ++figures_.gave_up;
    sending_ = false;
    changed_.notify_all();
    if (over_) return;
  }
}

}  // namespace hocket::webhook
