#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/distributed/received.hpp"

namespace hocket::distributed {

/// What other hosts send before this one takes part, or over a link that is not wired up yet: a
/// process that comes back opens its actors for as long as it takes, while the others go on.
/// Packets are bounded by their links' credit. Of what is said about a stream (its bound, its end,
/// lost or recovered) only the newest counts and is kept, behind the packets that came before it;
/// and there are at most `messages_max` of those, in all that count on the same `streams`.
///
/// Threads: one at a time; `streams` may be shared with others.
class early_messages {
 public:
  static constexpr std::size_t messages_max = 65'536;

  explicit early_messages(std::shared_ptr<std::atomic<std::size_t>> streams =
                              std::make_shared<std::atomic<std::size_t>>(0))
      : streams_(std::move(streams)) {}

  ~early_messages();
  early_messages(const early_messages&) = delete;
  early_messages& operator=(const early_messages&) = delete;

  /// False: refused, and counted.
  bool put(received&& a);
  /// All of it in order; empty afterwards.
  std::vector<received> take();
  std::uint64_t refused() const { return refused_; }
  std::size_t size() const {
    return messages_.size();
  }  ///< places, those of outdated messages included

 private:
  enum class about : std::uint8_t { bound, end, input };
  void compact();

  std::vector<std::optional<received>> messages_;  ///< none: a newer one of its kind came
  std::map<std::tuple<std::uint32_t, session_id, about>, std::size_t>
      newest_;                                         ///< place in messages_
  std::shared_ptr<std::atomic<std::size_t>> streams_;  ///< of which something is kept
  std::size_t outdated_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace hocket::distributed
