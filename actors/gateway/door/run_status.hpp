#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace hocket::gateway {

/// Asks the run that it is part of how it is, at the socket that every run has for that
/// (`hocket.sock` in its output folder).
///
/// Threads: one of its own while there was somebody to ask for; `ask` from any.
class run_status {
 public:
  using told = std::function<void(std::string snapshot_json)>;
  ~run_status() { stop(); }
  void start(std::string socket_path, told then);
  /// One answer, soon; asked again before it came, it stays one.
  void ask();
  void stop();

 private:
  void work();

  std::string path_;
  told told_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  bool is_wanted_ = false, is_over_ = false;
  std::thread thread_;
};

}  // namespace hocket::gateway
