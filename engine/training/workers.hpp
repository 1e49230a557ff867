// A few threads that run the same function side by side and meet at its end.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hocket::engine {

/// *Threads*: `run` is called by one thread; the function gets the worker's number.
class worker_pool {
 public:
  explicit worker_pool(int workers);
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// Calls task(0) ... task(workers - 1), each on its thread; an exception is passed on.
  void run(const std::function<void(int)>& task);

 private:
  void loop(int worker);

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int)>* task_ = nullptr;
  std::exception_ptr failure_;
  std::uint64_t round_ = 0;
  int running_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hocket::engine
