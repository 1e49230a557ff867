// The worker's end of a link: what came is begun once. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "actors/gateway/tinker/engine/pieces.hpp"
#include "actors/gateway/tinker/engine/work_messages.hpp"

namespace hocket::tinker {

/// A request as its answer names it: of which life of the server, under which number.
struct asked {
  std::string server;
  std::uint64_t number = 0;
  auto operator<=>(const asked&) const = default;
};

/// Another life of the server is another server: what the one before asked is forgotten.
/// *Threads*: `take` by one, `answer` by any; `send` runs under a lock: it only hands over.
class request_desk {
 public:
  struct callbacks {
    std::function<void(const asked&, result<work>)> begin;  ///< or what is wrong with it
    std::function<void(const asked&)> cancel;               ///< nobody waits for it any more
    std::function<void()> another_server;
  };
  request_desk(worker_identity is, std::function<void(std::string piece)> send, callbacks c);

  /// A packet; true: it ended a message. *Errors* (`tinker.bad_work`): it is none of ours.
  result<bool> take(std::string_view piece);
  /// What is no longer asked for is left out; what is too large is answered so.
  void answer(const asked& to, result<std::string> packed);
  /// Whether its server is still the one here, and has no answer yet.
  bool waits(const asked& to);

 private:
  void send(std::uint64_t number, std::variant<ready, error, std::string> what);

  const worker_identity is_;
  const std::function<void(std::string)> send_;
  const callbacks callbacks_;
  const std::string worker_;  ///< this life

  std::mutex mutex_;
  assembler assembler_;  ///< of `take` alone
  std::string server_;
  std::uint64_t message_;
  std::set<std::uint64_t> in_work_;
};

}  // namespace hocket::tinker
