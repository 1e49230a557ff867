// Stands in for caf_pool.cpp where ThreadSanitizer watches: Debian's CAF is not instrumented, and
// what it hands from thread to thread would look like races. Everything above the executor is the
// same code. Built only with HOCKET_SANITIZE=thread.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/host/run/caf_pool.hpp"
#include "actors/host/actor/actor_cell.hpp"
#include "graph/spec/process.hpp"

namespace hocket::host {
namespace {

/// A queue of cells and the threads that serve it.
struct work_queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<actor_cell>> ready;
  int threads = 0;
  bool stopped = false;

  void put(std::shared_ptr<actor_cell> c) {
    std::lock_guard lock(mutex);
    ready.push_back(std::move(c));
    changed.notify_all();
  }
  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopped || !ready.empty(); });
      if (stopped) break;
      auto c = std::move(ready.front());
      ready.pop_front();
      lock.unlock();
      c->run();
      c = nullptr;
      lock.lock();
    }
    --threads;
    changed.notify_all();
  }
};

void start_thread(const std::shared_ptr<work_queue>& l) {
  {
    std::lock_guard lock(l->mutex);
    ++l->threads;
  }
  std::thread([l] { l->serve(); }).detach();
}

struct executor_slot {
  std::mutex mutex;
  std::shared_ptr<work_queue> where;
};

class plain_pool final : public executor {
 public:
  explicit plain_pool(int threads) : pool_(std::make_shared<work_queue>()) {
    queues_.push_back(pool_);
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    for (int i = 0; i < std::max(threads > 0 ? threads : cores, 1) + 1; ++i) start_thread(pool_);
  }

  void attach(actor_cell& c) override {
    auto s = std::make_shared<executor_slot>();
    s->where =
        c.info().blocking || hocket::spec::process_of(c.spec()) != nullptr ? new_queue() : pool_;
    c.slot = s;
  }
  void detach(actor_cell&) override {}
  void post(actor_cell& c) override {
    auto& s = *static_cast<executor_slot*>(c.slot.get());
    std::lock_guard lock(s.mutex);
    s.where->put(c.shared_from_this());
  }
  void write_off(actor_cell& c) override {
    auto& s = *static_cast<executor_slot*>(c.slot.get());
    std::lock_guard lock(s.mutex);
    {
      std::lock_guard of_queue(s.where->mutex);
      --s.where->threads;  // not waited for
    }
    if (s.where == pool_) start_thread(pool_);
    s.where = new_queue();
  }
  void stop() override {
    std::lock_guard lock(mutex_);
    for (auto& l : queues_) {
      std::unique_lock of_queue(l->mutex);
      l->stopped = true;
      l->changed.notify_all();
      l->changed.wait(of_queue, [&] { return l->threads <= 0; });
    }
  }

 private:
  std::shared_ptr<work_queue> new_queue() {
    auto l = std::make_shared<work_queue>();
    start_thread(l);
    std::lock_guard lock(mutex_);
    queues_.push_back(l);
    return l;
  }
  std::shared_ptr<work_queue> pool_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<work_queue>> queues_;
};

}  // namespace

std::shared_ptr<executor> make_caf_pool(int threads) {
  return std::make_shared<plain_pool>(threads);
}

}  // namespace hocket::host
