#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace hocket::webhook {

/// What became of a delivery that was tried.
enum class fate : std::uint8_t {
  delivered,
  again,    ///< may succeed later: no answer, 408, 425, 429, 5xx
  refused,  ///< will not: any other status, an address that may not be asked
};

struct delivery {
  std::uint64_t number = 0;  ///< from 1; the same in every try
  std::string body;
};

struct outbox_limits {
  std::size_t waiting = 64;      ///< deliveries; beyond, the newest is dropped
  std::size_t bytes = 4u << 20;  ///< of their bodies together
  int tries = 5;                 ///< of each
  int backoff_ms = 500;          ///< before the second try; doubles, up to a minute
};

/// Hands deliveries to somebody slow, in order, from a thread of its own; whoever puts never waits.
///
/// Threads: put() from one at a time; figures from any.
class outbox {
 public:
  using sender = std::function<fate(const delivery&)>;
  outbox(outbox_limits limits, sender send);
  ~outbox();  ///< end()
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;

  /// False: it was dropped, and counted.
  bool put(std::string body);
  /// Waits until all is delivered or given up, `limit_ms` at most.
  void wait(std::int64_t limit_ms);
  /// What still waits is dropped, and counted; waits for the sender that is under way.
  void end();

  struct figures {
    std::uint64_t delivered = 0, retried = 0, refused = 0, gave_up = 0, dropped = 0;
  };
  figures so_far() const;

 private:
  void run();
  bool pause(std::unique_lock<std::mutex>& lock, int ms);

  const outbox_limits limits_;
  const sender send_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<delivery> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
  figures figures_;
  bool sending_ = false, over_ = false;
  std::thread thread_;
};

}  // namespace hocket::webhook
