#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hocket::webhook {

/// What became of a delivery that was tried.
enum class fate : std::uint8_t {
  delivered,
  again,    ///< may succeed later: no answer, 408, 425, 429, 5xx
  refused,  ///< will not: any other status, an address that may not be asked
};

struct answer {
  fate what = fate::again;
  int status = 0;  ///< of HTTP; 0: nobody answered
};

struct delivery {
  std::uint64_t number = 0;  ///< from 1; the same in every try
  std::string body = {};
  std::string name = {};  ///< how a log calls it: "incident 7"
  /// Before all others, also while one of them waits for its next try; takes the place of one where
  /// there is no room.
  bool is_urgent = false;
  std::shared_ptr<const void> hold = {};  ///< kept until somebody was asked once
  int tries = 0;                          ///< so far
};

struct outbox_limits {
  std::size_t waiting = 64;      ///< deliveries; beyond, the newest is dropped
  std::size_t bytes = 4u << 20;  ///< of their bodies together
  int tries = 5;                 ///< of each
  int backoff_ms = 500;          ///< before the second try; doubles, up to a minute
};

/// Hands deliveries to somebody slow from a thread of its own: what is urgent first, else in order;
/// whoever puts never waits. Each is counted once: delivered, refused, gave_up or dropped.
///
/// Threads: any.
class outbox {
 public:
  using sender = std::function<answer(const delivery&)>;
  /// `settled`: called on the thread of the outbox after each delivery that came to its end there.
  outbox(
      outbox_limits limits, sender send, std::function<void()> settled = [] {});
  ~outbox();  ///< end()
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;

  /// Gives it its number. False: it was dropped, and counted.
  bool put(delivery d);
  /// Waits until all is delivered or given up, `limit_ms` at most.
  void wait(std::int64_t limit_ms);
  /// What still waits is dropped, and counted; waits for the sender that is under way.
  void end();

  struct figures {
    std::uint64_t delivered = 0, retried = 0, refused = 0, gave_up = 0, dropped = 0;
  };
  figures so_far() const;
  /// One that did not arrive; of more than `told_max` the newest are only counted.
  struct lost_delivery {
    std::string name;
    answer last;  ///< status 0: nobody answered, or nobody was asked
    int tries = 0;
  };
  static constexpr std::size_t told_max = 64;
  /// Those since the last call.
  std::vector<lost_delivery> take_lost();

 private:
  using lock_type = std::unique_lock<std::mutex>;
  void run();
  void deliver(delivery d, lock_type& lock);
  void settle(const delivery& d, answer how, std::uint64_t& into);
  bool make_room(const delivery& d);
  std::deque<delivery>::iterator first_other();
  bool pause(lock_type& lock, int ms, bool is_urgent);

  const outbox_limits limits_;
  const sender send_;
  const std::function<void()> settled_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<delivery> waiting_;  ///< the urgent ones first
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
  figures figures_;
  std::vector<lost_delivery> lost_;
  bool sending_ = false, over_ = false;
  bool pauses_ = false;  ///< between two tries
  std::thread thread_;
};

}  // namespace hocket::webhook
