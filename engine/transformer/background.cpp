#include "engine/transformer/background.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hocket::engine {
namespace {

thread_local turn_gate* gate_here = nullptr;
thread_local work_pool* pool_here = nullptr;
thread_local const std::stop_token* stop_here = nullptr;

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

work_pool::watch::watch(work_pool* pool) : pool_(pool) {
  if (pool_) pool_->watched_.fetch_add(1);
}
work_pool::watch::~watch() {
  if (pool_) pool_->watched_.fetch_sub(1);
}

namespace {

/// Yields until `come` or for work_pool::awake_us.
template <class Come>
bool stay_awake(Come come) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::microseconds(work_pool::awake_us);
  do {
    for (int i = 0; i < 8; ++i) {
      if (come()) return true;
      std::this_thread::yield();
    }
  } while (std::chrono::steady_clock::now() < until);
  return come();
}

}  // namespace

/// Never throws: a helper has nobody above it, and the caller must wait for helpers first.
void work_pool::take() {
  try {
    for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) (*part_)(i);
  } catch (...) {
    next_.store(count_, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (!failed_) failed_ = std::current_exception();
  }
}

/// False at the end of the pool.
bool work_pool::next_job(std::uint64_t& seen) {
  const auto come = [&] { return over_ || jobs_ != seen; };
  while (watched_ > 0 && !come())
    if (!stay_awake([&] { return come() || watched_ == 0; })) break;
  if (!come()) {
    std::unique_lock lock(mutex_);
    ++asleep_;
    work_.wait(lock, come);
    --asleep_;
  }
  seen = jobs_;
  return !over_;
}

void work_pool::help() {
  for (std::uint64_t seen = 0; next_job(seen);) {
    ++inside_;
    if (open_) take();
    if (--inside_ == 0 && caller_sleeps_) {
      const std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

void work_pool::run(std::int64_t count, const std::function<void(std::int64_t)>& part) {
  if (helpers_.empty() || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) part(i);
    return;
  }
  part_ = &part;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  open_ = true;
  ++jobs_;
  if (asleep_ > 0) {
    { const std::lock_guard lock(mutex_); }
    work_.notify_all();
  }
  take();
  open_ = false;
  wait_for_helpers();
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
}

void work_pool::wait_for_helpers() {
  const auto gone = [&] { return inside_ == 0; };
  if (gone() || stay_awake(gone)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  done_.wait(lock, gone);
  caller_sleeps_ = false;
}

background_work::background_work(turn_gate* gate, work_pool* pool, const std::stop_token* stop)
    : outer_gate_(gate_here), outer_pool_(pool_here), outer_stop_(stop_here) {
  gate_here = gate;
  pool_here = pool;
  stop_here = stop;
}

background_work::~background_work() {
  gate_here = outer_gate_;
  pool_here = outer_pool_;
  stop_here = outer_stop_;
}

void background_work::pass() {
  if (gate_here) gate_here->pass();
}

void background_work::pass_or_stop() {
  pass();
  if (stop_here && stop_here->stop_requested()) throw work_cancelled();
}

void background_work::divide(std::int64_t count, std::int64_t range, std::int64_t least,
                             const std::function<void(std::int64_t, std::int64_t)>& part) {
  range = std::max<std::int64_t>(range, 1);
  if (pool_here && pool_here->threads() > 1) {
    // Some parts for each thread, so that one that comes late does not hold up the others.
    const auto even = count / (4 * pool_here->threads());
    range = std::min(range, std::max({even, least, std::int64_t{1}}));
  }
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
