#pragma once

#include <deque>
#include <string>
#include <vector>

#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {

/// Host messages between two processes: each arrives once and in order, as long as both live.
/// Pure. Threads: one at a time.
class host_message_log {
 public:
  static constexpr std::size_t unconfirmed_max = 4096;

  /// Empty where too many wait: the peer does not answer.
  const numbered_message* write(host_message m, std::uint64_t after_seq);
  /// Errors: wire.malformed where the peer confirms what was never written.
  result<void> ack(const message_ack& a);
  /// After a reconnect: everything unconfirmed again.
  const std::deque<numbered_message>& unconfirmed() const { return unconfirmed_; }

  /// True where the message is the next one; false for a repeat.
  /// Errors: wire.malformed where one is missing between.
  result<bool> arrived(const numbered_message& l);
  message_ack ack() const { return {expected_}; }

  /// One of the two processes is new: what was unconfirmed is void.
  void reset() { *this = {}; }

 private:
  std::deque<numbered_message> unconfirmed_;
  std::uint64_t next_ = 0, expected_ = 0;
};

}  // namespace hocket::wire
