// Tells somebody's server of incidents.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "graph/core/result.hpp"

namespace hocket::policy {

/// Posts JSON to one address on a thread of its own: urgent messages first, else in order, each `tries` times with
/// pauses of 1, 2, 4, … 30 s, 64 messages waiting at most: an urgent one takes the place of the oldest other.
/// https, or http to this machine.
/// *Threads*: any.
class webhook {
 public:
  struct setup {
    std::string url;
    std::string token;  ///< sent as `Authorization: Bearer`; "": none
    int tries = 5;
    std::chrono::milliseconds pause{1000};  ///< after the first try; doubles up to 30 s
  };
  struct message {
    std::string body;
    std::int64_t number = 0;
    std::shared_ptr<const void> hold;  ///< kept until it was tried once
    bool is_urgent = false;
    int tries = 0;  ///< so far
  };
  /// What came of a message: `status` 0 where nobody answered. On the webhook's thread.
  using outcome = std::function<void(const message&, bool delivered, int status, int tries)>;

  /// *Errors*: policy.bad_webhook: neither https nor a loopback address.
  static result<void> check(const std::string& url);

  webhook(setup how, outcome told);
  /// Drops what waits; ends what is under way within a second.
  ~webhook();
  webhook(const webhook&) = delete;
  /// False where too many wait, and this one, or the one that makes room for it, is dropped.
  bool post(message m);

 private:
  void run();
  bool deliver(message m);
  bool waits(std::chrono::milliseconds pause, bool is_urgent);

  setup how_;
  outcome told_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<message> waiting_;
  bool pauses_ = false;  ///< between two tries
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace hocket::policy
