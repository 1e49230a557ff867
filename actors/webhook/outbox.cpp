#include "actors/webhook/outbox.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hocket::webhook {
namespace {

constexpr int backoff_max_ms = 60'000;

int backoff_of(const outbox_limits& limits, int tries) {
  std::int64_t ms = limits.backoff_ms;
  for (int n = 1; n < tries && ms < backoff_max_ms; ++n) ms *= 2;
  return static_cast<int>(std::min<std::int64_t>(ms, std::max(backoff_max_ms, limits.backoff_ms)));
}

}  // namespace

outbox::outbox(outbox_limits limits, sender send, std::function<void()> settled)
    : limits_(limits),
      send_(std::move(send)),
      settled_(std::move(settled)),
      thread_([this] { run(); }) {}

outbox::~outbox() { end(); }

std::deque<delivery>::iterator outbox::first_other() {
  return std::ranges::find(waiting_, false, &delivery::is_urgent);
}

/// For this one; what is urgent takes the places of the oldest others.
bool outbox::make_room(const delivery& d) {
  const auto fits = [&] {
    return waiting_.size() < limits_.waiting && bytes_ + d.body.size() <= limits_.bytes;
  };
  while (!over_ && d.is_urgent && !fits()) {
    const auto other = first_other();
    if (other == waiting_.end()) break;
    bytes_ -= other->body.size();
    settle(*other, {}, figures_.dropped);
    waiting_.erase(other);
  }
  return !over_ && fits();
}

bool outbox::put(delivery d) {
  const std::lock_guard lock(mutex_);
  d.number = ++last_;
  if (!make_room(d)) {
    settle(d, {}, figures_.dropped);
    return false;
  }
  if (pauses_) d.hold.reset();
  bytes_ += d.body.size();
  waiting_.insert(d.is_urgent ? first_other() : waiting_.end(), std::move(d));
  changed_.notify_all();
  return true;
}

void outbox::wait(std::int64_t limit_ms) {
  lock_type lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(limit_ms),
                    [&] { return over_ || (waiting_.empty() && !sending_); });
}

void outbox::end() {
  std::deque<delivery> rest;  // what they hold goes without the lock
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    for (const auto& d : waiting_) settle(d, {}, figures_.dropped);
    rest.swap(waiting_);
    bytes_ = 0;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

outbox::figures outbox::so_far() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

std::vector<outbox::lost_delivery> outbox::take_lost() {
  const std::lock_guard lock(mutex_);
  return std::exchange(lost_, {});
}

void outbox::settle(const delivery& d, answer how, std::uint64_t& into) {
  ++into;
  if (how.what != fate::delivered && lost_.size() < told_max)
    lost_.push_back({d.name, how, d.tries});
}

// False: it is over, or something urgent came. Who does not answer does not hold up the end of a run:
// neither what waits nor what comes during the pause is held.
bool outbox::pause(lock_type& lock, int ms, bool is_urgent) {
  std::vector<std::shared_ptr<const void>> holds;
  for (auto& d : waiting_) holds.push_back(std::move(d.hold));
  pauses_ = true;
  lock.unlock();
  holds.clear();
  lock.lock();
  const bool passed = !changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] {
    return over_ || (!is_urgent && !waiting_.empty() && waiting_.front().is_urgent);
  });
  pauses_ = false;
  return passed;
}

void outbox::deliver(delivery d, lock_type& lock) {
  for (;;) {
    if (d.tries > 0) ++figures_.retried;
    lock.unlock();
    const auto got = send_(d);
    d.hold.reset();
    lock.lock();
    ++d.tries;
    if (got.what == fate::delivered) return settle(d, got, figures_.delivered);
    if (got.what == fate::refused) return settle(d, got, figures_.refused);
    if (d.tries >= limits_.tries || over_) return settle(d, got, figures_.gave_up);
    if (pause(lock, backoff_of(limits_, d.tries), d.is_urgent)) continue;
    if (over_) return settle(d, got, figures_.gave_up);
    // The urgent one first; this one goes on with the tries that it has left.
    bytes_ += d.body.size();
    waiting_.insert(first_other(), std::move(d));
    return;
  }
}

void outbox::run() {
  lock_type lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto d = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= d.body.size();
    sending_ = true;
    deliver(std::move(d), lock);
    // Whoever waits for the end finds all told.
    lock.unlock();
    settled_();
    lock.lock();
    sending_ = false;
    changed_.notify_all();
    if (over_) return;
  }
}

}  // namespace hocket::webhook
