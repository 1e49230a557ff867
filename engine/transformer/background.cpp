#include "engine/transformer/background.hpp"

#include <algorithm>
#include <chrono>

namespace hocket::engine {
namespace {

thread_local turn_gate* gate_here = nullptr;
thread_local work_pool* pool_here = nullptr;

}  // namespace

turn_gate& turn_gate::of_process() {
  static turn_gate gate;
  return gate;
}

turn_gate::hold::hold(turn_gate& gate) : gate_(gate) {
  gate_.holders_.fetch_add(1, std::memory_order_relaxed);
}

turn_gate::hold::~hold() {
  {
    const std::lock_guard lock(gate_.mutex_);
    if (gate_.holders_.fetch_sub(1, std::memory_order_relaxed) > 1) return;
  }
  gate_.open_.notify_all();
}

void turn_gate::wait() {
  waits_.fetch_add(1, std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  open_.wait_for(lock, std::chrono::milliseconds(longest_ms),
                 [&] { return holders_.load(std::memory_order_relaxed) == 0; });
}

work_pool::work_pool(int threads) {
  for (int i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
}

work_pool::~work_pool() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  work_.notify_all();
  for (auto& t : helpers_) t.join();
}

void work_pool::take() {
  for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) (*part_)(i);
}

void work_pool::help() {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return over_ || jobs_ != seen; });
    if (over_) return;
    seen = jobs_;
    if (!open_) continue;  // the others were quicker
    ++inside_;
    lock.unlock();
    take();
    lock.lock();
    if (--inside_ == 0) done_.notify_one();
  }
}

void work_pool::run(std::int64_t count, const std::function<void(std::int64_t)>& part) {
  {
    const std::lock_guard lock(mutex_);
    part_ = &part;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    ++jobs_;
    open_ = true;
  }
  if (!helpers_.empty() && count > 1) work_.notify_all();
  take();
  std::unique_lock lock(mutex_);
  open_ = false;
  done_.wait(lock, [&] { return inside_ == 0; });
}

background_work::background_work(turn_gate* gate, work_pool* pool)
    : outer_gate_(gate_here), outer_pool_(pool_here) {
  gate_here = gate;
  pool_here = pool;
}

background_work::~background_work() {
  gate_here = outer_gate_;
  pool_here = outer_pool_;
}

void background_work::pass() {
  if (gate_here) gate_here->pass();
}

void background_work::divide(std::int64_t count, std::int64_t range,
                             const std::function<void(std::int64_t, std::int64_t)>& part) {
  range = std::max<std::int64_t>(range, 1);
  if ((!gate_here && !pool_here) || count <= range) {
    pass();
    part(0, count);
    return;
  }
  const auto parts = (count + range - 1) / range;
  turn_gate* const gate = gate_here;
  const auto one = [&](std::int64_t i) {
    if (gate) gate->pass();
    part(i * range, std::min(count, (i + 1) * range));
  };
  if (pool_here) return pool_here->run(parts, one);
  for (std::int64_t i = 0; i < parts; ++i) one(i);
}

}  // namespace hocket::engine
