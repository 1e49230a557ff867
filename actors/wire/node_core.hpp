#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "actors/wire/handshake.hpp"
#include "actors/wire/node.hpp"
#include "actors/wire/zmq_socket.hpp"

namespace hocket::wire {

/// Wakes a thread that polls a file descriptor. Many calls before it looks cost one system call.
class waker {
 public:
  waker();
  ~waker();
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;
  void wake();
  /// By the woken thread, before it looks for work.
  void clear();
  int fd() const { return fd_; }

 private:
  int fd_;
  std::atomic<bool> pending_{false};
};

/// What the peers of one node share. The sockets are set before begin() and stay.
struct node_core {
  node_core(node_options o, node_events& e) : options(std::move(o)), events(e) {}

  node_options options;
  node_events& events;
  identity us;  ///< before begin(); then `who()`
  mutable std::mutex us_mutex;
  identity who() const {
    std::lock_guard lock(us_mutex);
    return us;
  }
  zmq_context context;
  zmq_security security;                       ///< server_key empty
  std::unique_ptr<zmq_socket> control_router;  ///< node thread only; none where we only connect
  std::shared_ptr<shared_socket> data_router;
  std::string data_announcement;  ///< for Hellos of the listening side
  waker awake;
  /// A message went out on a control socket, which can swallow the edge of an incoming one.
  bool look_again = false;  ///< node thread only
  std::atomic<std::uint64_t> refused{0};

  std::mutex progress_mutex;
  std::condition_variable progress;  ///< something was confirmed
};

}  // namespace hocket::wire
