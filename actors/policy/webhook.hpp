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

/// Posts JSON to one address, in order, on a thread of its own: each message `tries` times with pauses of 1, 2,
/// 4, … s, 64 messages waiting at most. https, or http to this machine.
/// *Threads*: any.
class webhook {
 public:
  struct setup {
    std::string url;
    std::string token;  ///< sent as `Authorization: Bearer`; "": none
    int tries = 5;
    std::chrono::milliseconds pause{1000};  ///< after the first try; doubles
  };
  struct message {
    std::string body;
    std::int64_t number = 0;
    std::shared_ptr<const void> hold;  ///< kept until it was told of
  };
  /// What came of a message: `status` 0 where nobody answered. On the webhook's thread.
  using outcome = std::function<void(const message&, bool delivered, int status, int tries)>;

  /// *Errors*: policy.bad_webhook: neither https nor a loopback address.
  static result<void> check(const std::string& url);

  webhook(setup how, outcome told);
  /// Drops what waits; ends what is under way within a second.
  ~webhook();
  webhook(const webhook&) = delete;
  /// False where too many wait.
  bool post(message m);

 private:
  void run();
  bool deliver(const message& m);
  bool waits(std::chrono::milliseconds pause);

  setup how_;
  outcome told_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<message> waiting_;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace hocket::policy
