// Work that may wait: gates that it stops at, and threads that help with it. No torch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace hocket::engine {

/// What is due at a moment goes first: who has it holds the gate meanwhile, and whoever does work that
/// may wait passes the gate between small parts of it. Nobody spins.
///
/// *Threads*: any. *Latency*: an open gate costs one relaxed read; who waits goes on once all holders
/// are gone, or after `longest` (a holder that hangs must not stop a process' other work for ever).
class turn_gate {
 public:
  /// The one of this process: an interaction model's micro-turn holds it, a language model passes it.
  static turn_gate& of_process();

  class hold {
   public:
    explicit hold(turn_gate& gate);
    ~hold();
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;

   private:
    turn_gate& gate_;
  };

  void pass() {
    if (holders_.load(std::memory_order_relaxed) != 0) wait();
  }
  /// How often somebody waited.
  std::int64_t waits() const { return waits_.load(std::memory_order_relaxed); }

  static constexpr std::int64_t longest_ms = 1000;

 private:
  void wait();
  std::atomic<int> holders_{0};
  std::atomic<std::int64_t> waits_{0};
  std::mutex mutex_;
  std::condition_variable open_;
};

/// Threads that sleep until there is work, and take parts of it.
///
/// Waking a sleeping thread takes longer than most products of a small model. So while a pass over a
/// model is watched, helpers stay awake between its products, for at most `awake_us` without one, and
/// yield their core meanwhile to whoever wants it. Between passes they sleep.
/// *Threads*: `run` from one thread at a time.
class work_pool {
 public:
  /// So many threads take part in all, the caller's among them.
  explicit work_pool(int threads);
  ~work_pool();
  work_pool(const work_pool&) = delete;
  work_pool& operator=(const work_pool&) = delete;

  /// A pass is under way while it lives; `pool` may be null.
  class watch {
   public:
    explicit watch(work_pool* pool);
    ~watch();
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

   private:
    work_pool* pool_;
  };

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }
  /// Calls part(0) to part(count - 1), each once, on any of the threads; returns when all are done.
  /// Where one throws, on whichever thread, parts that nobody has begun are left out, and the first
  /// exception is thrown here once all threads have let go of `part`.
  void run(std::int64_t count, const std::function<void(std::int64_t)>& part);

  static constexpr std::int64_t awake_us = 300;

 private:
  void help();
  bool next_job(std::uint64_t& seen);
  void take();
  void wait_for_helpers();
  // A helper that comes in looks whether the job is still open; the caller that closes it waits for
  // who is inside. Both are sequentially consistent, so that one sees the other.
  std::atomic<bool> open_{false}, over_{false}, caller_sleeps_{false};
  std::atomic<int> inside_{0}, asleep_{0}, watched_{0};
  std::atomic<std::uint64_t> jobs_{0};
  std::atomic<std::int64_t> next_{0};
  const std::function<void(std::int64_t)>* part_ = nullptr;
  std::int64_t count_ = 0;
  std::exception_ptr failed_;  ///< of this job; under mutex_ while threads are inside
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<std::thread> helpers_;
};

/// Thrown out of background work that nobody waits for any more (background_work::pass_or_stop).
struct work_cancelled {};

/// While it lives, products on this thread are background work: they pass the gate, and the pool (none:
/// this thread alone) helps. Results are the same bits either way.
class background_work {
 public:
  /// `stop`: asked between a model's layers; must live as long.
  explicit background_work(turn_gate* gate, work_pool* pool = nullptr,
                           const std::stop_token* stop = nullptr);
  ~background_work();
  background_work(const background_work&) = delete;
  background_work& operator=(const background_work&) = delete;

  /// Passes the gate where this thread does background work.
  static void pass();
  /// The same; throws `work_cancelled` where this work is to stop.
  static void pass_or_stop();
  /// Calls part(first, last) for ranges of 0 to `count` of at most `range`, the gate passed before each;
  /// helpers are asked where each gets at least `least`. Where this thread's work is no background work:
  /// part(0, count).
  static void divide(std::int64_t count, std::int64_t range, std::int64_t least,
                     const std::function<void(std::int64_t, std::int64_t)>& part);

 private:
  turn_gate* outer_gate_;
  work_pool* outer_pool_;
  const std::stop_token* outer_stop_;
};

}  // namespace hocket::engine
